/** What a long piece of work reports to and listens to: progress, problems, and the wish to stop. */
import type { Problem, Progress } from "../api.js";
import { StoreError } from "../errors.js";

/** Problems kept in full; beyond that they are only counted, so that a hostile tree cannot fill the memory. */
const problemsMax = 1000;

export class Work {
  readonly progress: Progress;
  readonly problems: Problem[] = [];
  #problemsLeftOut = 0;
  readonly #isAborted: () => boolean;
  readonly #onProgress: (progress: Progress) => void;

  constructor(
    phase: Progress["phase"],
    hooks: { isAborted?: () => boolean; onProgress?: (progress: Progress) => void } = {},
  ) {
    this.progress = { phase, files: 0, bytes: 0, deduplicatedBytes: 0 };
    this.#isAborted = hooks.isAborted ?? (() => false);
    this.#onProgress = hooks.onProgress ?? (() => undefined);
  }

  /** To be called once an entry; throws code `aborted` when the caller wants no more. */
  step(): void {
    if (this.#isAborted()) throw new StoreError("aborted", "stopped by the caller");
    this.#onProgress(this.progress);
  }

  /** Counts bytes that were dealt with; also a place to stop, so that one huge file does not hold the caller up. */
  addBytes(count: number): void {
    this.progress.bytes += count;
    this.step();
  }

  /** Forgets what was done, because it is done again. */
  restart(): void {
    Object.assign(this.progress, { files: 0, bytes: 0, deduplicatedBytes: 0 });
    this.problems.length = 0;
    this.#problemsLeftOut = 0;
  }

  /** What was met, with a last line for what was only counted. */
  allProblems(): Problem[] {
    if (this.#problemsLeftOut === 0) return this.problems;
    const message = `${this.#problemsLeftOut} more problems`;
    return [...this.problems, { path: Buffer.alloc(0), code: "more_problems", message }];
  }

  get problemCount(): number {
    return this.problems.length + this.#problemsLeftOut;
  }

  /** What was met since the last call, and how much of it was only counted. */
  takeProblems(): { problems: Problem[]; leftOut: number } {
    const taken = { problems: this.problems.splice(0), leftOut: this.#problemsLeftOut };
    this.#problemsLeftOut = 0;
    return taken;
  }

  /** Counts problems that are not kept. */
  leaveOut(count: number): void {
    this.#problemsLeftOut += count;
  }

  problem(path: Uint8Array, code: string, message: string): void {
    if (this.problems.length < problemsMax) this.problems.push({ path: Buffer.from(path), code, message });
    else this.#problemsLeftOut += 1;
  }
}

/** Joins names to a path as raw bytes. */
export function joinPath(parent: Uint8Array, name: Uint8Array): Buffer {
  return parent.length === 0 ? Buffer.from(name) : Buffer.concat([parent, Buffer.from("/"), name]);
}
