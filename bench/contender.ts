import type { Measured } from "./measure.js";

/** Something that keeps copies of a file tree. One file under `contenders/` each. */
export interface Contender {
  readonly name: string;
  /** How it is set for a fair run: durability, compression level, threads. */
  readonly settings: string;
  /**
   * `full`: a restored tree must equal the source in every respect that rsync compares. `content`: names, bytes and
   * links only, because it keeps no times, owners or empty directories.
   */
  readonly fidelity: "full" | "content";
  /** Its version, or null when it is not installed. */
  version(): Promise<string | null>;
  /** Makes an empty repository in an empty directory. What it may lose goes into `cache` there, and is not counted. */
  create(directory: string): Promise<Repository>;
}

/** One repository of a contender. Each call runs it as a process of its own, from start to exit. */
export interface Repository {
  /** Keeps `source` under `name`. Durable when it returns. */
  snapshot(source: string, name: string): Promise<Measured>;
  /** Writes what was kept under `name` into the empty directory `target`. */
  restore(name: string, target: string): Promise<Measured>;
  /** Makes `target`, which was kept under `name` and changed a little since, again what it was. Absent where it would write all anew. */
  restoreOver?: (name: string, target: string) => Promise<Measured>;
  /** Says what differs between two that were kept. */
  diff?: (from: string, to: string) => Promise<Measured>;
  /** The same in a process that has done it before, for what can be embedded: `insideMs` is that of one such call. */
  rediff?: (from: string, to: string) => Promise<Measured>;
  /** Removes one and gives back its space. Absent where nothing is shared, or space is not given back. */
  remove?: (name: string) => Promise<Measured>;
}
