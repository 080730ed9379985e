/** A process for tests to kill: starts sessions and commands without end, until it dies. */
import { join } from "node:path";
import { Runtime } from "../../src/index.js";
import { hostUser, makeDisk } from "./fixture.js";

const [directory = "", marker = ""] = process.argv.slice(2);
const runtime = await Runtime.open({ runDirectory: join(directory, "run") });
process.stdout.write("open\n");
for (let count = 0; ; count++) {
  const session = await runtime.startSession({
    id: `s${String(count)}`,
    mount: makeDisk(directory, `disk-${String(count % 4)}`).mount,
    ...hostUser,
  });
  const commands = [
    `sleep ${marker}`,
    `setsid -f sleep ${marker}; exit 0`,
    `trap '' TERM HUP INT; while :; do sleep 0.${marker}; done`,
  ];
  await Promise.all(commands.map((command) => session.exec({ command })));
  if (count % 3 === 2) await Promise.all(runtime.sessions().map((running) => running.end()));
}
