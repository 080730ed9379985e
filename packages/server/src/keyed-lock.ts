import { ServerError } from "./errors.js";

interface Entry {
  /** The long operations that hold the lock or wait for it, by what they do. */
  long: string[];
  tail: Promise<void>;
  users: number;
}

/**
 * One operation at a time for each key, in the order of arrival. Short operations (up to a session's start) queue. A long one
 * is refused with `operation_in_progress` while another long one is there, because a caller should know, not wait.
 */
export class KeyedLock {
  readonly #entries = new Map<string, Entry>();

  short<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    return this.#run(key, null, work);
  }

  /** `label` says what is being done, for the error that another caller gets, for example `a snapshot`. */
  long<Result>(key: string, label: string, work: () => Promise<Result>): Promise<Result> {
    return this.#run(key, label, work);
  }

  /** For the holder of the lock whose short operation turns out to be a long one: until `work` is done, other long ones are refused. */
  async longWithin<Result>(key: string, label: string, work: () => Promise<Result>): Promise<Result> {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error(`nobody holds the lock of ${key}`);
    entry.long.push(label);
    try {
      return await work();
    } finally {
      entry.long.splice(entry.long.indexOf(label), 1);
    }
  }

  async #run<Result>(key: string, label: string | null, work: () => Promise<Result>): Promise<Result> {
    const entry = this.#entries.get(key) ?? { long: [], tail: Promise.resolve(), users: 0 };
    const [busy] = entry.long;
    if (label !== null && busy !== undefined)
      throw new ServerError("operation_in_progress", `${busy} of this workspace is in progress`, {
        details: { operation: busy },
        suggestion: "try again when it has finished",
      });
    this.#entries.set(key, entry);
    if (label !== null) entry.long.push(label);
    entry.users += 1;
    const before = entry.tail;
    let done = (): void => {};
    entry.tail = new Promise((resolve) => (done = resolve));
    try {
      await before;
      return await work();
    } finally {
      if (label !== null) entry.long.splice(entry.long.indexOf(label), 1);
      entry.users -= 1;
      if (entry.users === 0) this.#entries.delete(key);
      done();
    }
  }
}
