/** A thread that helps to find what is unchanged, and ends when nothing is left to look at. */
import { parentPort } from "node:worker_threads";
import { linuxFiles } from "../platform/linux.js";
import type { ComparisonTask } from "./comparison-threads.js";
import { RecordedWalk } from "./recorded-walk.js";
import { compareDirectories } from "./unchanged.js";

parentPort?.once("message", (task: ComparisonTask | null) => {
  if (task === null) return;
  const { memory, root } = task;
  const walk = RecordedWalk.decode(memory.walk);
  if (walk !== null) compareDirectories(linuxFiles, root, walk, memory, () => undefined);
});
