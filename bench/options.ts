import { parseArgs } from "node:util";

export const works = ["marks", "compare", "micro", "report"] as const;
export type Work = (typeof works)[number];

export interface BenchOptions {
  /** What to run, in this order. `report` only makes the document from the last results. */
  works: Work[];
  files: number;
  runs: number;
  seed: number;
  /** Where large trees are written. Removed afterwards. */
  directory: string | null;
  /** A real tree to compare with instead of a made one. It is copied first. */
  source: string | null;
  /** Names of contenders; empty: all that are installed. */
  contenders: string[];
  json: string;
}

export const usage = `usage: npm run bench -- [marks] [compare] [micro] [report] [options]

  marks             what commands, clones and snapshots cost over HTTP (the default)
  compare           the store against restic, borg, tar, git and cp (npm run bench:setup installs them)
  micro             the store's inner loops
  report            write bench/RESULTS.md from the last results

  --files N         files in the tree (80000)
  --runs N          rounds of what is repeated (3 for compare, 10 for marks)
  --seed N          of the made tree (1)
  --source DIR      compare with a copy of this tree instead of a made one
  --contenders A,B  only these
  --directory DIR   where to work (the system's directory for temporary files)
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
      seed: { type: "string" },
      source: { type: "string" },
      contenders: { type: "string" },
      directory: { type: "string" },
      json: { type: "string" },
    },
  });
  const chosen = positionals.map((word) => {
    if (!isWork(word)) throw new UsageError(`unknown work: ${word}`);
    return word;
  });
  return {
    works: chosen.length === 0 ? ["marks"] : chosen,
    files: count("files", values.files, 80_000),
    runs: count("runs", values.runs, chosen.includes("compare") ? 3 : 10),
    seed: count("seed", values.seed, 1),
    directory: values.directory ?? null,
    source: values.source ?? null,
    contenders: values.contenders?.split(",") ?? [],
    json: values.json ?? jsonDefault,
  };
}
