/** A thread that helps to find what is unchanged, and ends when nothing is left to look at. */
import { workerData } from "node:worker_threads";
import type { Fd } from "../platform/files.js";
import { linuxFiles } from "../platform/linux.js";
import { RecordedWalk } from "./recorded-walk.js";
import { compareDirectories, type ComparisonMemory } from "./unchanged.js";

const { memory, root } = workerData as { memory: ComparisonMemory; root: Fd };
const walk = RecordedWalk.decode(memory.walk);
if (walk !== null) compareDirectories(linuxFiles, root, walk, memory, () => undefined);
