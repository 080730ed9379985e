/** Runs of files on their way to a thread, and what comes back. */
import type { Problem } from "../api.js";
import type { PlainError } from "../plain-error.js";
import type { FileRun } from "./file-run.js";

export interface BatchTask {
  runs: FileRun[];
}

/** A problem with a file of run number `run`; its path is relative to the directory of the run. */
export interface RunProblem extends Problem {
  run: number;
}

export interface BatchResult {
  writtenBytes: number;
  problems: RunProblem[];
  /** Problems that are only counted. */
  problemsLeftOut: number;
  /** Files that were not made, because what is stored of them is damaged. Each is a problem, too. */
  damaged: number;
  /** Null when every file was made. */
  error: PlainError | null;
}

/** Directories in which a thread finds what it writes. */
export interface ObjectPlaces {
  packs: string;
  index: string;
}
