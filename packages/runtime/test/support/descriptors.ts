/** A server that was started with open descriptors it knows nothing of. Prints what a command of its sees. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";
import { Runtime } from "../../src/index.js";
import { hostUser, makeDisk, runIn } from "./fixture.js";

const [directory = ""] = process.argv.slice(2);
const inherited = ["3", "4", "8", "9"].every((fd) => readdirSync("/proc/self/fd").includes(fd));
// Node itself closes what a program it starts would get of the inherited ones; what native code opened it does not know.
const duplicate = koffi.load(null).func("int dup(int fd)") as (fd: number) => number;
for (let count = 0; count < 3; count++) duplicate(0);
await using runtime = await Runtime.open({ runDirectory: join(directory, "run") });
const session = await runtime.startSession({
  id: "one",
  mount: makeDisk(directory, "disk").mount,
  ...hostUser,
});
const { text } = await runIn(session, "ls /proc/self/fd");
process.stdout.write(JSON.stringify({ server: inherited, inside: text }));
