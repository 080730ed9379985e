/** A process that has no descriptor left while it watches a session; ends by itself unless a look ends it. `directory`: an empty one. */
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { SESSION_LIMITS_DEFAULT, WATCH_TICK_MS } from "../../src/limits.js";
import { appliedLimits } from "../../src/sandbox/limits.js";
import { SessionWatch } from "../../src/watch/session-watch.js";
import { Watches } from "../../src/watch/watches.js";

const [directory = ""] = process.argv.slice(2);
/** So many that reading them is not over before descriptors are gone. */
const PROCESSES = 200;

for (let pid = 2; pid < PROCESSES; pid++) {
  mkdirSync(`${directory}/${String(pid)}`);
  writeFileSync(`${directory}/${String(pid)}/stat`, `${String(pid)} (x) S`);
  writeFileSync(`${directory}/${String(pid)}/smaps_rollup`, "");
}

const taken: number[] = [];
function takeAllDescriptors(): void {
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    return;
  }
}

const watch = new SessionWatch({
  limits: appliedLimits(SESSION_LIMITS_DEFAULT),
  proc: directory,
  tmp: directory,
  pidNamespace: "none",
});
const watches = new Watches();
// What is measured has begun by then, and goes on without.
watch.look(true);
takeAllDescriptors();
// Also those that what was under way gives back.
const taking = setInterval(takeAllDescriptors);
watches.add(watch);
await delay(3 * WATCH_TICK_MS);
watches.delete(watch);
clearInterval(taking);
for (const fd of taken) closeSync(fd);
process.stdout.write(`lived without any of ${String(taken.length)} descriptors`);
