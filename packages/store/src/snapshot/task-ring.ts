/**
 * Tasks that one thread gives out and that any thread takes, the giver included, in memory that all share. Tasks are numbered
 * from 0 in the order they are given; the place of task n is n modulo the number of places, and is used again when the giver
 * says that it has done with n. Tasks and results are values as `v8.serialize` carries them.
 *
 *     words    given, taken, stopped, then of each place: done (1 or 0), bytes of its value, work counted
 */
import { deserialize, serialize } from "node:v8";

export const ringPlaces = 8;
const placeBytes = 512 * 1024;
const sleepMsMax = 100;

const word = { given: 0, taken: 1, stopped: 2 } as const;
const firstPlaceWord = 3;
const placeWords = 3;
const placeWord = { done: 0, bytes: 1, counted: 2 } as const;

export interface TaskRingMemory {
  words: SharedArrayBuffer;
  values: SharedArrayBuffer;
}

export function makeTaskRingMemory(): TaskRingMemory {
  return {
    words: new SharedArrayBuffer(4 * (firstPlaceWord + ringPlaces * placeWords)),
    values: new SharedArrayBuffer(ringPlaces * placeBytes),
  };
}

export class TaskRing {
  readonly #words: Int32Array;
  readonly #values: Buffer;

  constructor(memory: TaskRingMemory) {
    this.#words = new Int32Array(memory.words);
    this.#values = Buffer.from(memory.values);
  }

  /** For the giver only, and only while fewer than `ringPlaces` are in use. Returns the number of the task. */
  give(task: unknown): number {
    const number = Atomics.load(this.#words, word.given);
    if (!this.#store(number, task)) throw new RangeError("task is too large");
    Atomics.store(this.#words, this.#at(number, placeWord.done), 0);
    Atomics.store(this.#words, this.#at(number, placeWord.counted), 0);
    Atomics.add(this.#words, word.given, 1);
    Atomics.notify(this.#words, word.given, 1);
    return number;
  }

  /** The number of a task for the caller alone; null when all are taken. */
  take(): number | null {
    for (;;) {
      const next = Atomics.load(this.#words, word.taken);
      if (next >= Atomics.load(this.#words, word.given)) return null;
      if (Atomics.compareExchange(this.#words, word.taken, next, next + 1) === next) return next;
    }
  }

  /** What was given, or when the task is done its result. */
  value(number: number): unknown {
    const start = (number % ringPlaces) * placeBytes;
    const length = this.#words[this.#at(number, placeWord.bytes)] as number;
    // A copy, because what is decoded may be views of it.
    return deserialize(Buffer.from(this.#values.subarray(start, start + length)));
  }

  /** False when the result is too large; the task is not done then. */
  finish(number: number, result: unknown): boolean {
    if (!this.#store(number, result)) return false;
    Atomics.store(this.#words, this.#at(number, placeWord.done), 1);
    Atomics.notify(this.#words, this.#at(number, placeWord.done));
    return true;
  }

  isDone(number: number): boolean {
    return Atomics.load(this.#words, this.#at(number, placeWord.done)) === 1;
  }

  /** Returns when the task is done or the time is over. */
  awaitDone(number: number, timeoutMs: number): void {
    Atomics.wait(this.#words, this.#at(number, placeWord.done), 0, timeoutMs);
  }

  /** How much of a task its taker says it has done, in a unit of its own, modulo 2^32. */
  count(number: number, done: number): void {
    Atomics.store(this.#words, this.#at(number, placeWord.counted), done);
  }

  counted(number: number): number {
    return Atomics.load(this.#words, this.#at(number, placeWord.counted)) >>> 0;
  }

  /** Tells all takers to stop. */
  stop(): void {
    Atomics.store(this.#words, word.stopped, 1);
    Atomics.notify(this.#words, word.given);
  }

  isStopped(): boolean {
    return Atomics.load(this.#words, word.stopped) === 1;
  }

  /** Sleeps until there may be something to take, and never long: a `stop` that comes just before the sleep wakes nobody. */
  awaitTask(): void {
    const given = Atomics.load(this.#words, word.given);
    if (this.isStopped() || Atomics.load(this.#words, word.taken) < given) return;
    Atomics.wait(this.#words, word.given, given, sleepMsMax);
  }

  #store(number: number, value: unknown): boolean {
    const bytes = serialize(value);
    if (bytes.length > placeBytes) return false;
    this.#values.set(bytes, (number % ringPlaces) * placeBytes);
    this.#words[this.#at(number, placeWord.bytes)] = bytes.length;
    return true;
  }

  #at(number: number, of: number): number {
    return firstPlaceWord + (number % ringPlaces) * placeWords + of;
  }
}
