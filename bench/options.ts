import { parseArgs } from "node:util";

export const works = ["sessions", "disks", "compare", "collect", "index", "micro", "report"] as const;
export type Work = (typeof works)[number];

export interface BenchOptions {
  /** What to run, in this order. `report` only makes the document from the last results. */
  works: Work[];
  files: number;
  /** Null: as many as the work needs. */
  runs: number | null;
  /** At once, in `sessions`. */
  sessions: number;
  /** After which `sessions` looks at the server's memory. */
  execs: number;
  /** Of one template, in `disks`. */
  clones: number;
  seed: number;
  /** Where sources and repositories are written. Removed afterwards. */
  directory: string | null;
  /** Where restored trees are written. Default: as `directory`. */
  scratch: string | null;
  /** Of which `collect` removes one. */
  snapshots: number;
  /** A real tree to compare with instead of a made one. It is copied first. */
  source: string | null;
  /** Names of contenders; empty: all that are installed. */
  contenders: string[];
  json: string;
  /** Keep what the results have of other works. */
  add: boolean;
}

export const usage = `usage: npm run bench -- [sessions] [disks] [compare] [collect] [index] [micro] [report] [options]

  sessions          commands and session starts over HTTP; memory of many sessions, and what they leave (the default)
  disks             clones, snapshots and restores, over HTTP and in the library, and of as many files by others
  compare           the store against restic, borg, tar, git and cp (npm run bench:setup installs them)
  collect           what it costs to remove one snapshot of many, against restic and borg
  index             indexes of 1 and 10 million chunks: opening, memory, lookups, merging
  micro             the store's inner loops
  report            write bench/RESULTS.md from the last results

All figures of bench/RESULTS.md come from one run of all of them:

  npm run bench -- sessions disks compare collect index micro report --source DIR --scratch DIR

Sessions and disks may be run anew alone, with the rest kept: npm run bench -- sessions disks report --add

With a node_modules of 100,000 files, compare takes some ten minutes for three rounds and all contenders, collect five;
--contenders chaser,restic,"tar | zstd -1",tar leaves out borg, git and cp, which no goal needs.

  --files N         files in the tree (80000)
  --runs N          rounds of what is repeated (3 for compare, 10 for sessions and disks)
  --sessions N      sessions at once, with an idle process each (200)
  --execs N         commands after which the server's memory is looked at (10000)
  --clones N        clones of one template (1000)
  --seed N          of the made tree (1)
  --snapshots N     snapshots of which collect removes one (50)
  --source DIR      compare and collect with a copy of this tree instead of a made one
  --contenders A,B  only these
  --directory DIR   where sources and repositories go (the system's directory for temporary files)
  --scratch DIR     where restored trees go (as --directory); best fresh or a tmpfs: ext4 is slow after many deletions
  --add             keep what the file with the results has of other works
  --json FILE       where the results go (bench/results.json)`;

/** A mistake on the command line. */
export class UsageError extends Error {}

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`--${name} must be a whole number above 0: ${text}`);
  return value;
}

function isWork(word: string): word is Work {
  return (works as readonly string[]).includes(word);
}

export function parseOptions(args: string[], jsonDefault: string): BenchOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      files: { type: "string" },
      runs: { type: "string" },
      sessions: { type: "string" },
      execs: { type: "string" },
      clones: { type: "string" },
      add: { type: "boolean" },
      seed: { type: "string" },
      source: { type: "string" },
      contenders: { type: "string" },
      directory: { type: "string" },
      scratch: { type: "string" },
      snapshots: { type: "string" },
      json: { type: "string" },
    },
  });
  const chosen = positionals.map((word) => {
    if (!isWork(word)) throw new UsageError(`unknown work: ${word}`);
    return word;
  });
  return {
    works: chosen.length === 0 ? ["sessions"] : chosen,
    files: count("files", values.files, 80_000),
    runs: values.runs === undefined ? null : count("runs", values.runs, 1),
    sessions: count("sessions", values.sessions, 200),
    execs: count("execs", values.execs, 10_000),
    clones: count("clones", values.clones, 1_000),
    seed: count("seed", values.seed, 1),
    directory: values.directory ?? null,
    scratch: values.scratch ?? null,
    snapshots: count("snapshots", values.snapshots, 50),
    source: values.source ?? null,
    contenders: values.contenders?.split(",") ?? [],
    json: values.json ?? jsonDefault,
    add: values.add ?? false,
  };
}
