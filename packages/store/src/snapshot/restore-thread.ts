/** A thread of a restore: takes batches of files and makes them, reading packs for itself, until the restore is over. */
import { workerData } from "node:worker_threads";
import type { IdMap } from "../api.js";
import type { Digest } from "../chunk/hash.js";
import { Chunks } from "../pack/chunks.js";
import { toPlain } from "../plain-error.js";
import { linuxFiles } from "../platform/linux.js";
import { readDirectory } from "../tree/directory.js";
import type { TreeEntry } from "../tree/entry.js";
import { Damage } from "./damage.js";
import { FilesHere, type FileRun } from "./file-run.js";
import { Metadata } from "./metadata.js";
import { NewFiles } from "./new-file.js";
import { owners } from "./owners.js";
import { rootPlace } from "./place.js";
import type { BatchResult, BatchTask, ObjectPlaces, RunProblem } from "./restore-batch.js";
import { TaskRing, type TaskRingMemory } from "./task-ring.js";
import { Work } from "./work.js";

export interface RestoreThreadData {
  memory: TaskRingMemory;
  objects: ObjectPlaces;
  idMap: IdMap;
}

/** What the first batch opens. */
class Opened {
  readonly source: Chunks;
  readonly damage: Damage;
  readonly #files: FilesHere;
  #node: { id: Digest; entries: TreeEntry[] } | null = null;

  constructor({ objects, idMap }: RestoreThreadData, work: Work) {
    this.source = new Chunks(linuxFiles, objects.packs, objects.index);
    const metadata = new Metadata(linuxFiles, { owners: owners(idMap), work });
    const newFiles = new NewFiles(linuxFiles, this.source, metadata, work);
    this.damage = new Damage(work);
    this.#files = new FilesHere(newFiles, work, (fd) => linuxFiles.close(fd), this.damage);
  }

  /** Runs of one node come one after the other, so its entries are kept. */
  make(run: FileRun): void {
    if (this.#node?.id.equals(run.node) !== true) {
      this.#node = { id: run.node, entries: readDirectory(this.source, run.node) };
    }
    this.#files.make(run, this.#node.entries, rootPlace);
  }
}

class RestoreThread {
  readonly #data: RestoreThreadData;
  readonly #ring: TaskRing;
  readonly #work: Work;
  #batch = 0;
  #opened: Opened | null = null;

  constructor(data: RestoreThreadData) {
    this.#data = data;
    const ring = new TaskRing(data.memory);
    this.#ring = ring;
    this.#work = new Work("restore", {
      isAborted: () => ring.isStopped(),
      onProgress: ({ bytes }) => ring.count(this.#batch, bytes),
    });
  }

  run(): void {
    while (!this.#ring.isStopped()) {
      const batch = this.#ring.take();
      if (batch === null) this.#ring.awaitTask();
      else this.#answer(batch);
    }
    this.#opened?.source.close();
  }

  #answer(batch: number): void {
    this.#batch = batch;
    const result = this.#make();
    // What there is no room for is counted only.
    while (!this.#ring.finish(batch, result)) {
      const kept = Math.floor(result.problems.length / 2);
      result.problemsLeftOut += result.problems.splice(kept).length;
    }
  }

  #make(): BatchResult {
    const work = this.#work;
    work.progress.bytes = 0;
    const result: BatchResult = {
      writtenBytes: 0,
      problems: [],
      problemsLeftOut: 0,
      damaged: 0,
      error: null,
    };
    try {
      this.#opened ??= new Opened(this.#data, work);
      const { damage } = this.#opened;
      damage.count = 0;
      const { runs } = this.#ring.value(this.#batch) as BatchTask;
      for (const [number, run] of runs.entries()) {
        this.#opened.make(run);
        const { problems, leftOut } = work.takeProblems();
        result.problems.push(...problems.map((problem): RunProblem => ({ ...problem, run: number })));
        result.problemsLeftOut += leftOut;
        result.damaged = damage.count;
      }
    } catch (error) {
      result.error = toPlain(error);
    }
    result.writtenBytes = work.progress.bytes;
    return result;
  }
}

new RestoreThread(workerData as RestoreThreadData).run();
