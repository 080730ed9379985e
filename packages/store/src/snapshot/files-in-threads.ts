/**
 * Files of a restore made by several threads. The engine's thread walks the tree and makes directories, links and nodes; runs
 * of files it puts together to batches, which it gives out in the order of the tree, as packs hold them, and settles in the
 * same order: so a directory is finished when the batch is settled that was the last when its own files had been given.
 * While there is no room for more batches, it makes files too.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { IdMap } from "../api.js";
import { StoreError } from "../errors.js";
import { fromPlain } from "../plain-error.js";
import type { Fd } from "../platform/files.js";
import type { FileEntry, TreeEntry } from "../tree/entry.js";
import type { Damage } from "./damage.js";
import type { FileMaker, FileRun, FilesHere } from "./file-run.js";
import { pathOf, type Place } from "./place.js";
import type { BatchResult, BatchTask, ObjectPlaces } from "./restore-batch.js";
import type { RestoreThreadData } from "./restore-thread.js";
import { makeTaskRingMemory, ringPlaces, TaskRing } from "./task-ring.js";
import type { Work } from "./work.js";

/** A batch is closed at one of these: few enough that threads end together, many enough that they seldom read the same frame. */
const batchBytesMax = 1024 * 1024;
const batchFilesMax = 256;
/** Directories wait open, so they are counted too. */
const batchDirectoriesMax = 32;
/** A thread takes some 50 ms to come up: much less than it takes to make the files of so many batches. */
const batchesBeforeThreads = 8;
const threads = Math.min(3, availableParallelism() - 1);
const pollMs = 100;
/** A thread that writes nothing for so long has died. */
const threadTimeoutMs = 120_000;

/** A run with what the engine's thread knows of it. */
interface GivenRun {
  run: FileRun;
  entries: TreeEntry[];
  place: Place;
}

interface Batch {
  runs: GivenRun[];
  files: number;
  bytes: number;
  /** To be finished when this batch is settled. */
  directories: { directory: Fd; finish: () => void }[];
  /** Null until it is given out, and for a batch that this thread makes itself. */
  task: number | null;
  /** Of its bytes, how many are in the progress. */
  reportedBytes: number;
}

function emptyBatch(): Batch {
  return { runs: [], files: 0, bytes: 0, directories: [], task: null, reportedBytes: 0 };
}

export interface FilesInThreadsOptions {
  work: Work;
  damage: Damage;
  objects: ObjectPlaces;
  idMap: IdMap;
  close: (fd: Fd) => void;
}

export class FilesInThreads implements FileMaker {
  readonly #here: FilesHere;
  readonly #options: FilesInThreadsOptions;
  #ring: TaskRing | null = null;
  #open = emptyBatch();
  /** Given out and not settled, oldest first. */
  readonly #inOrder: Batch[] = [];
  #batches = 0;
  #writtenElsewhereBytes = 0;

  /** `here` makes what this thread makes itself. */
  constructor(here: FilesHere, options: FilesInThreadsOptions) {
    this.#here = here;
    this.#options = options;
  }

  get writtenBytes(): number {
    return this.#here.writtenBytes + this.#writtenElsewhereBytes;
  }

  make(run: FileRun, entries: TreeEntry[], place: Place): void {
    let { from } = run;
    for (let n = from; n < run.to; n++) {
      const batch = this.#open;
      batch.files += 1;
      batch.bytes += (entries[n] as FileEntry).sizeBytes;
      if (batch.files < batchFilesMax && batch.bytes < batchBytesMax) continue;
      batch.runs.push({ run: { ...run, from, to: n + 1 }, entries, place });
      from = n + 1;
      this.#giveOut();
    }
    if (from < run.to) this.#open.runs.push({ run: { ...run, from }, entries, place });
    if (this.#open.runs.length >= batchDirectoriesMax) this.#giveOut();
  }

  finishDirectory(directory: Fd, finish: () => void): void {
    this.#open.directories.push({ directory, finish });
    if (this.#open.directories.length >= batchDirectoriesMax) this.#giveOut();
  }

  flush(): void {
    this.#giveOut();
    while (this.#inOrder.length > 0) this.#settleOldest();
    this.#ring?.stop();
  }

  abandon(): void {
    const batches = [...this.#inOrder.splice(0), this.#open];
    this.#open = emptyBatch();
    const ring = this.#ring;
    if (ring !== null) {
      ring.stop();
      // What nobody has taken, nobody shall take.
      for (let task = ring.take(); task !== null; task = ring.take()) ring.finish(task, null);
      // The number of a descriptor that was closed may soon be that of another, in which a thread must not write.
      for (const { task } of batches) if (task !== null) this.#awaitDone(ring, task, () => undefined);
    }
    for (const { directories } of batches) {
      for (const { directory } of directories) this.#options.close(directory);
    }
  }

  #giveOut(): void {
    if (this.#inOrder.length === ringPlaces) this.#settleOldest();
    const batch = this.#open;
    this.#open = emptyBatch();
    this.#inOrder.push(batch);
    this.#batches += 1;
    if (this.#ring === null && threads > 0 && this.#batches > batchesBeforeThreads) this.#start();
    if (this.#ring === null) this.#settleOldest();
    else if (batch.runs.length > 0) {
      const task: BatchTask = { runs: batch.runs.map(({ run }) => run) };
      batch.task = this.#ring.give(task);
    }
  }

  #settleOldest(): void {
    const batch = this.#inOrder[0] as Batch;
    const { task } = batch;
    if (task === null) this.#makeHere(batch);
    else {
      const ring = this.#ring as TaskRing;
      this.#helpUntilDone(ring, task);
      this.#awaitDone(ring, task, () => this.#reportProgress(ring, batch, task));
      const result = ring.value(task) as BatchResult | null;
      if (result !== null) this.#take(batch, result);
    }
    for (;;) {
      const next = batch.directories.shift();
      if (next === undefined) break;
      this.#here.finishDirectory(next.directory, next.finish);
    }
    this.#inOrder.shift();
  }

  /** Makes what nobody has begun, while the oldest batch is not done. */
  #helpUntilDone(ring: TaskRing, oldest: number): void {
    while (!ring.isDone(oldest)) {
      const task = ring.take();
      if (task === null) return;
      const batch = this.#inOrder.find((candidate) => candidate.task === task) as Batch;
      try {
        this.#makeHere(batch);
      } finally {
        ring.finish(task, null);
      }
    }
  }

  #makeHere({ runs }: Batch): void {
    for (const { run, entries, place } of runs) this.#here.make(run, entries, place);
  }

  #awaitDone(ring: TaskRing, task: number, onPoll: () => void): void {
    let counted = ring.counted(task);
    let countedAtMs = performance.now();
    while (!ring.isDone(task)) {
      ring.awaitDone(task, pollMs);
      onPoll();
      if (ring.counted(task) !== counted) {
        counted = ring.counted(task);
        countedAtMs = performance.now();
      } else if (performance.now() - countedAtMs > threadTimeoutMs) {
        throw new StoreError("io_error", "a thread of the restore does not answer");
      }
    }
  }

  #reportProgress(ring: TaskRing, batch: Batch, task: number): void {
    const { work } = this.#options;
    const more = Math.max(0, ring.counted(task) - batch.reportedBytes);
    batch.reportedBytes += more;
    work.progress.bytes += more;
    work.step();
  }

  /** What a thread says of a batch that it made. */
  #take(batch: Batch, result: BatchResult): void {
    const { work, damage } = this.#options;
    for (const { run, path, code, message } of result.problems) {
      const { place } = batch.runs[run] as GivenRun;
      work.problem(pathOf({ parent: place, name: Buffer.from(path) }), code, message);
    }
    work.leaveOut(result.problemsLeftOut);
    damage.count += result.damaged;
    work.progress.bytes += result.writtenBytes - batch.reportedBytes;
    this.#writtenElsewhereBytes += result.writtenBytes;
    if (result.error !== null) throw fromPlain(result.error);
    work.progress.files += batch.files;
    work.step();
  }

  #start(): void {
    const memory = makeTaskRingMemory();
    this.#ring = new TaskRing(memory);
    const { objects, idMap } = this.#options;
    const workerData: RestoreThreadData = { memory, objects, idMap };
    for (let n = 0; n < threads; n++) {
      const thread = new Worker(new URL("./restore-thread.js", import.meta.url), {
        workerData,
        execArgv: [],
      });
      thread.unref();
      // One that fails only makes the others, and the engine, do its work.
      thread.on("error", () => undefined);
    }
  }
}
