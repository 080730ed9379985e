import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Contender, Repository } from "./contender.js";
import { measureProcess, median, type Measured } from "./measure.js";
import { changeFiles } from "./workloads/node-modules.js";

const execute = promisify(execFile);

export interface ComparisonOptions {
  /** The tree to keep. It is changed between snapshots. */
  source: string;
  /** An empty directory for repositories. */
  directory: string;
  /** An empty directory for restored trees, on a filesystem that many files were not deleted from lately. Default: `directory`. */
  scratch?: string;
  /** Each whole round, with a fresh repository. */
  runs: number;
  seed: number;
  /** Lets the disk come to rest before each measurement. Default true; only the time needs it. */
  settle?: boolean;
  onStep?: (text: string) => void;
}

export const operations = [
  "first",
  "unchanged",
  "changed",
  "diff",
  "rediff",
  "restore",
  "over",
  "walk",
] as const;
/**
 * `first`: a snapshot into an empty repository. `unchanged`: the same again. `changed`: after ten changed files. `diff`:
 * what these were. `rediff`: the same in a process that has asked before. `restore`: the last one into an empty directory. `over`: the last one over its source, of which ten
 * files changed. `walk`: what `find` needs to list the source with sizes and times, beside `unchanged`.
 */
export type Operation = (typeof operations)[number];

/** Of each operation a value a round; none where the contender has no such operation. */
export type Rounds = Record<Operation, number[]>;

export interface ComparisonRow {
  contender: string;
  version: string;
  settings: string;
  /** From the start of the program to its exit. */
  durationsMs: Rounds;
  /** Without starting the program and opening the repository; where the contender tells. */
  insideMs: Rounds;
  memoryBytesPeak: Rounds;
  /** Allocated on disk after the first snapshot, and what all three take. */
  firstBytes: number;
  allBytes: number;
}

/** Of a contender's directory without what is called `cache` in it, which it may lose. */
export async function allocatedBytes(path: string): Promise<number> {
  const { stdout } = await execute("du", ["-s", "-B1", "--exclude=cache", path]);
  return Number(stdout.split("\t")[0]);
}

export async function filesOf(source: string): Promise<string[]> {
  const options = { cwd: source, maxBuffer: 2 ** 30 };
  const { stdout } = await execute("find", [".", "-type", "f", "-printf", "%P\\0"], options);
  return stdout.split("\0").filter(Boolean);
}

/** Throws, with the first differences, unless the two trees are the same as far as the contender promises. */
export async function verifyEqual(
  source: string,
  restored: string,
  fidelity: Contender["fidelity"],
): Promise<void> {
  const flags = fidelity === "full" ? ["-aHAX"] : ["-rl", "--omit-dir-times"];
  const args = [
    ...flags,
    "--checksum",
    "--delete",
    "--dry-run",
    "--itemize-changes",
    `${source}/`,
    `${restored}/`,
  ];
  const { stdout } = await execute("rsync", args, { maxBuffer: 2 ** 30 });
  // Without times and modes to keep, rsync still names what it would touch; only content counts then.
  const counts = fidelity === "full" ? /./ : /^([<>]|\*|c[fL])/;
  // The topmost directory was there before; not every contender takes its time over.
  const lines = stdout.split("\n").filter((line) => counts.test(line) && !/^\.d..t\S* \.\/$/.test(line));
  if (lines.length > 0) throw new Error(`the restored tree differs:\n${lines.slice(0, 10).join("\n")}`);
}

interface Round {
  measured: Partial<Record<Operation, Measured>>;
  firstBytes: number;
  allBytes: number;
}

/** The contenders that are installed, with their versions. */
export async function installed(
  contenders: readonly Contender[],
  onStep?: (text: string) => void,
): Promise<[Contender, string][]> {
  const found: [Contender, string][] = [];
  for (const contender of contenders) {
    const version = await contender.version();
    if (version === null) onStep?.(`${contender.name}: not installed, left out`);
    else found.push([contender, version]);
  }
  return found;
}

/**
 * Runs the contenders in turn, round after round, so that what else the machine does meets all of them alike.
 * Every restored tree is compared with its source; a contender that gives back something else ends the run.
 */
export async function compare(
  contenders: readonly Contender[],
  options: ComparisonOptions,
): Promise<ComparisonRow[]> {
  const { source, directory, scratch = directory, runs, seed, settle = true, onStep } = options;
  const paths = await filesOf(source);
  const found = await installed(contenders, onStep);
  const rounds = new Map<Contender, Round[]>(found.map(([contender]) => [contender, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const [contender, kept] of rounds) {
      onStep?.(`${contender.name}: round ${run + 1} of ${runs}`);
      const home = await mkdtemp(join(directory, "contender-"));
      const target = await mkdtemp(join(scratch, "restored-"));
      kept.push(await runRound(contender, { source, home, target, paths, seed: seed + run, settle }));
      for (const made of [home, target]) await rm(made, { recursive: true });
    }
  }
  return found.map(([contender, version]) => summarize(contender, version, rounds.get(contender) ?? []));
}

interface RoundOptions {
  source: string;
  home: string;
  target: string;
  paths: string[];
  seed: number;
  settle: boolean;
}

async function runRound(
  contender: Contender,
  { source, home, target, paths, seed, settle }: RoundOptions,
): Promise<Round> {
  const repository: Repository = await contender.create(home);
  const measured: Partial<Record<Operation, Measured>> = {};
  const run = async (operation: Operation, work: (() => Promise<Measured>) | undefined): Promise<void> => {
    if (work === undefined) return;
    // What the last piece of work left to write must not be charged to the next.
    if (settle) await execute("sync", []);
    measured[operation] = await work();
  };

  await run("first", () => repository.snapshot(source, "first"));
  const firstBytes = await allocatedBytes(home);
  await run("walk", () => measureProcess("/bin/sh", ["-c", walk, "find", source]));
  await run("unchanged", () => repository.snapshot(source, "unchanged"));
  changeFiles(source, paths, 10, seed);
  await run("changed", () => repository.snapshot(source, "changed"));
  const allBytes = await allocatedBytes(home);
  const { diff, rediff, restoreOver } = repository;
  await run("diff", diff && (() => diff("unchanged", "changed")));
  await run("rediff", rediff && (() => rediff("unchanged", "changed")));
  await run("restore", () => repository.restore("changed", target));
  await verifyEqual(source, target, contender.fidelity);
  if (restoreOver !== undefined) {
    changeFiles(source, paths, 10, seed + 1_000_000);
    await run("over", () => restoreOver("changed", source));
    await verifyEqual(source, target, contender.fidelity);
  }
  return { measured, firstBytes, allBytes };
}

/** Into a file that takes no time to write, as a program that reads it would. */
const walk = `find "$1" -printf '%s %T@\\n' > /dev/null`;

function summarize(contender: Contender, version: string, rounds: Round[]): ComparisonRow {
  const each = (pick: (measured: Measured) => number | null): Rounds =>
    Object.fromEntries(
      operations.map((operation) => [
        operation,
        rounds.flatMap(({ measured }) => {
          const one = measured[operation];
          return one === undefined ? [] : (pick(one) ?? []);
        }),
      ]),
    ) as Rounds;
  return {
    contender: contender.name,
    version,
    settings: contender.settings,
    durationsMs: each(({ durationMs }) => durationMs),
    insideMs: each(({ insideMs }) => insideMs),
    memoryBytesPeak: each(({ memoryBytesPeak }) => memoryBytesPeak),
    firstBytes: median(rounds.map((round) => round.firstBytes)),
    allBytes: median(rounds.map((round) => round.allBytes)),
  };
}
