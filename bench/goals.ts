import type { CollectionRow } from "./collection.js";
import type { ComparisonRow, Operation, Rounds } from "./compare.js";
import { median } from "./measure.js";
import type { IndexResult } from "./micro/index-scale.js";

/** One line of the table that this project promises to fill. */
export interface Goal {
  name: string;
  /** What the value is compared with, in words. */
  limit: string;
  /** At most this, or with `least` at least. */
  bound: number;
  least?: boolean;
  /** Null where what it needs did not run. */
  value: number | null;
  unit: "" | "ms" | "MB" | "bytes" | "M/s";
  /** What keeps the value from being better. */
  limitedBy: string;
}

export interface Measurements {
  comparison: readonly ComparisonRow[];
  collection: readonly CollectionRow[];
  index: readonly IndexResult[];
}

const own = "chaser";

export function isMet({ value, bound, least = false }: Goal): boolean | null {
  if (value === null) return null;
  return least ? value >= bound : value <= bound;
}

/** Runs of one round stand beside each other, so they are divided round by round. */
export function ratio(one: readonly number[] = [], other: readonly number[] = []): number | null {
  const shares = one.flatMap((value, n) => (other[n] === undefined ? [] : value / other[n]));
  return shares.length === 0 ? null : median(shares);
}

export function goalsOf({ comparison, collection, index }: Measurements): Goal[] {
  const row = (name: string): ComparisonRow | undefined =>
    comparison.find(({ contender }) => contender === name);
  const times = (name: string): Partial<Rounds> => row(name)?.durationsMs ?? {};
  const against = (operation: Operation, name: string, theirs = operation): number | null =>
    ratio(times(own)[operation], times(name)[theirs]);
  const middle = (values: readonly number[] = []): number | null =>
    values.length === 0 ? null : median(values);
  const mine = row(own);
  const archive = row("tar | zstd -1");
  const memory = middle(mine?.memoryBytesPeak.first);
  const removal = collection.find(({ contender }) => contender === own);
  const pruned = collection.find(({ contender }) => contender === "restic");

  const goals: Goal[] = [
    {
      name: "first snapshot",
      limit: "0.25 x restic",
      bound: 0.25,
      value: against("first", "restic"),
      unit: "",
      limitedBy: firstLimit,
    },
    {
      name: "first snapshot",
      limit: "below tar | zstd -1 -T2",
      bound: 1,
      value: against("first", "tar | zstd -1"),
      unit: "",
      limitedBy: firstLimit,
    },
    {
      name: "stored size",
      limit: "below tar | zstd -1",
      bound: 1,
      value: mine && archive ? mine.firstBytes / archive.firstBytes : null,
      unit: "",
      limitedBy: "frames of 256 KiB, so that one file can be read alone; deduplication makes up for them",
    },
    {
      name: "second snapshot, nothing changed",
      limit: "1.3 x find -printf '%s %T@'",
      bound: 1.3,
      value: ratio(times(own).unchanged, times(own).walk),
      unit: "",
      limitedBy: walkLimit,
    },
    {
      name: "second snapshot, nothing changed",
      limit: "0.12 x restic",
      bound: 0.12,
      value: against("unchanged", "restic"),
      unit: "",
      limitedBy: walkLimit,
    },
    {
      name: "restore into an empty directory",
      limit: "below tar x of an archive without compression",
      bound: 1,
      value: against("restore", "tar"),
      unit: "",
      limitedBy: "the kernel's calls that make a file: open, write, owner, mode, times, close",
    },
    {
      name: "restore where 10 files changed",
      limit: "1.3 x find -printf '%s %T@'",
      bound: 1.3,
      value: ratio(times(own).over, times(own).walk),
      unit: "",
      limitedBy: walkLimit,
    },
    {
      name: "diff of two snapshots, 10 files changed, store open",
      limit: "5 ms",
      bound: 5,
      value: middle(mine?.insideMs.diff),
      unit: "ms",
      limitedBy:
        "code that runs for the first time: the same call takes a third when it is repeated; node 20 keeps no compiled code between runs",
    },
    {
      name: "the same diff, in a process that has asked before",
      limit: "5 ms",
      bound: 5,
      value: middle(mine?.insideMs.rediff),
      unit: "ms",
      limitedBy: "reading the directories on the way to what differs",
    },
    {
      name: "memory at most, first snapshot",
      limit: "250 MB",
      bound: 250,
      value: memory === null ? null : memory / 1e6,
      unit: "MB",
      limitedBy: "node and its two or more threads; buffers of frames that are being compressed",
    },
    {
      name: `gc after deleting 1 of ${removal?.snapshots ?? 50} snapshots`,
      limit: "0.1 x restic forget --prune",
      bound: 0.1,
      value: removal && pruned ? removal.durationMs / pruned.durationMs : null,
      unit: "",
      limitedBy:
        "node's start; the first collection of a store counts all references, which takes as long again as what follows, later ones only what changed",
    },
  ];
  return [...goals, ...index.flatMap(indexGoals)];
}

const firstLimit =
  "the processor: of some 6 s in two cores compression takes two fifths, and one thread walks, reads, cuts and hashes; tried: other levels and tables of zstd, 3.2 times smaller at 280 MB/s is its best here, and reading ahead in threads";
const walkLimit =
  "the start of node and of the engine's thread, half of it all although each loads one file; then one statx a file through the foreign-function interface, in two threads";

function indexGoals(result: IndexResult): Goal[] {
  const chunks = `index of ${result.chunks / 1e6} million chunks`;
  const goal = (
    what: string,
    limit: string,
    bound: number,
    value: number,
    unit: Goal["unit"],
    limitedBy: string,
    least = false,
  ): Goal => ({ name: `${chunks}: ${what}`, limit, bound, value, unit, limitedBy, least });
  // Opening, memory a chunk and lookups are promised of a million; of ten, that they can be worked with.
  if (result.chunks > 1_000_000) {
    return [
      goal(
        "memory of the process",
        "1 GiB",
        2 ** 30 / 1e6,
        Math.max(result.memoryBytesPeak, result.mergeMemoryBytesPeak) / 1e6,
        "MB",
        "all rows in memory once lookups went everywhere; the million ids looked up",
      ),
    ];
  }
  return [
    goal(
      "open",
      "20 ms",
      20,
      result.openMs,
      "ms",
      "a list of packs, and a digest for each 128 to 256 chunks",
    ),
    goal(
      "memory a chunk",
      "48 bytes",
      48,
      result.memoryBytesPerChunk,
      "bytes",
      "ids of 32 bytes, places of 12",
    ),
    goal(
      "lookups of what is there",
      "1 million a second",
      1,
      result.hitsPerSecond / 1e6,
      "M/s",
      "memory far from the processor: two or three lines of cache a lookup",
      true,
    ),
  ];
}
