/** Files without a name that the processes of a session hold: they take memory or space on its disk, and nothing else shows them. */
import { readlinkSync, statfsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { HELD_FILES_WAIT_MS } from "../limits.js";
import { inPieces } from "./pieces.js";
import { isNoDescriptorLeft, openDescriptors, pidsIn } from "./usage.js";

export interface HeldFile {
  /** The first that was found to hold it, in the session's own numbering. */
  pid: string;
  /** Allocated. */
  bytes: number;
  /** `tmp`: on a mount in memory that has a limit of its own. */
  where: "disk" | "memory" | "tmp";
}

/** Those found, by what tells a file from all others. */
type Found = Map<string, HeldFile>;

interface Walk {
  found: Found;
  done: Promise<void>;
}

const BLOCK_BYTES = 512;
/** tmpfs, ramfs, hugetlbfs: what these hold is memory. */
const MEMORY_FILESYSTEMS = new Set([0x01021994, 0x858458f6, 0x958458f6]);

export class HeldFiles {
  readonly #proc: string;
  readonly #waitMs: number;
  /** By the last walk that came to its end. */
  #known: Found = new Map();
  #walk: Walk | null = null;

  /** `proc`: where the session's `/proc` is mounted. */
  constructor(proc: string, waitMs = HELD_FILES_WAIT_MS) {
    this.#proc = proc;
    this.#waitMs = waitMs;
  }

  /**
   * A file of a layer below that was removed has its name there, and is not among them. What only a mapping holds is seen by root alone.
   * A walk costs a call for each descriptor, and hostile processes have very many: one that takes long goes on for the next who asks, and until it is
   * done it is the last one that counts, or what was found since if that is more.
   */
  async in(where: HeldFile["where"]): Promise<HeldFile[]> {
    const walk = (this.#walk ??= this.#begin());
    const isWhole = await endsWithin(walk.done, this.#waitMs);
    const found = filesIn(walk.found, where);
    if (isWhole) return found;
    const known = filesIn(this.#known, where);
    return bytesOf(found) > bytesOf(known) ? found : known;
  }

  #begin(): Walk {
    const found: Found = new Map();
    const done = this.#find(found).then(
      () => {
        this.#known = found;
        this.#walk = null;
      },
      (error: unknown) => {
        this.#walk = null;
        throw error;
      },
    );
    // Who asked may have stopped waiting.
    done.catch(() => undefined);
    return { found, done };
  }

  /** Those with few descriptors first: a program that hides one file does not hide behind one that holds very many. */
  async #find(found: Found): Promise<void> {
    const pids = pidsIn(this.#proc)
      .map((pid) => ({ pid, count: openDescriptors(this.#proc, pid) }))
      .sort((a, b) => a.count - b.count);
    for (const { pid } of pids) {
      const process = `${this.#proc}/${pid}`;
      const look = (path: string): void => add(found, pid, path);
      await inPieces(await openFiles(process), look);
      await inPieces(await mappedFiles(process), look);
    }
  }
}

export function bytesOf(files: readonly HeldFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function filesIn(found: Found, where: HeldFile["where"]): HeldFile[] {
  return [...found.values()].filter((file) => file.where === where);
}

function endsWithin(done: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  return Promise.race([done.then(() => true), timeout]).finally(() => clearTimeout(timer));
}

function add(found: Found, pid: string, path: string): void {
  try {
    const file = statSync(path, { bigint: true });
    if (!file.isFile() || file.nlink > 0n) return;
    const key = `${String(file.dev)}/${String(file.ino)}`;
    if (found.has(key)) return;
    found.set(key, { pid, bytes: Number(file.blocks) * BLOCK_BYTES, where: placeOf(path) });
  } catch {
    return; // Closed meanwhile.
  }
}

function placeOf(path: string): HeldFile["where"] {
  if (!MEMORY_FILESYSTEMS.has(statfsSync(path).type >>> 0)) return "disk";
  return readlinkSync(path).startsWith("/memfd:") ? "memory" : "tmp";
}

async function openFiles(process: string): Promise<Iterable<string>> {
  try {
    return below(`${process}/fd`, await readdir(`${process}/fd`));
  } catch (error) {
    if (isNoDescriptorLeft(error)) throw error;
    return []; // Gone meanwhile.
  }
}

function* below(directory: string, names: readonly string[]): Iterable<string> {
  for (const name of names) yield `${directory}/${name}`;
}

async function mappedFiles(process: string): Promise<Iterable<string>> {
  try {
    return deletedIn(`${process}/map_files`, await readFile(`${process}/maps`, "latin1"));
  } catch (error) {
    if (isNoDescriptorLeft(error)) throw error;
    return [];
  }
}

/** Each file once, however often it is mapped. */
function* deletedIn(directory: string, maps: string): Iterable<string> {
  const seen = new Set<string>();
  for (const [, range = "", file = ""] of maps.matchAll(/^(\S+) \S+ \S+ (\S+ \d+) .* \(deleted\)$/gm)) {
    if (seen.has(file)) continue;
    seen.add(file);
    yield `${directory}/${plainRange(range)}`;
  }
}

/** `maps` pads addresses with zeros, the names in `map_files` have none. */
function plainRange(range: string): string {
  return range
    .split("-")
    .map((address) => address.replace(/^0+(?=.)/, ""))
    .join("-");
}
