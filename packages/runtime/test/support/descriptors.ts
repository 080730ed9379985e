/** A server that was started with open descriptors it knows nothing of. Prints what a command of its sees. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Runtime } from "../../src/index.js";
import { hostUser, makeDisk, runIn } from "./fixture.js";

const [directory = ""] = process.argv.slice(2);
const inherited = ["3", "4", "8", "9"].every((fd) => readdirSync("/proc/self/fd").includes(fd));
await using runtime = await Runtime.open({ runDirectory: join(directory, "run") });
const session = await runtime.startSession({
  id: "one",
  mount: makeDisk(directory, "disk").mount,
  ...hostUser,
});
const { text } = await runIn(session, "ls /proc/self/fd");
process.stdout.write(JSON.stringify({ server: inherited, inside: text }));
