import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Contender, Repository } from "./contender.js";
import { median, type Measured } from "./measure.js";
import { changeFiles } from "./workloads/node-modules.js";

const execute = promisify(execFile);

export interface ComparisonOptions {
  /** The tree to keep. It is changed between snapshots. */
  source: string;
  /** An empty directory for repositories and restored trees. */
  directory: string;
  /** Each whole round, with a fresh repository. */
  runs: number;
  seed: number;
  /** Lets the disk come to rest before each measurement. Default true; only the time needs it. */
  settle?: boolean;
  onStep?: (text: string) => void;
}

export const operations = ["first", "unchanged", "changed", "restore"] as const;
/**
 * `first`: a snapshot into an empty repository. `unchanged`: the same again. `changed`: after ten changed files.
 * `restore`: the last one into an empty directory.
 */
export type Operation = (typeof operations)[number];

export interface ComparisonRow {
  contender: string;
  version: string;
  settings: string;
  medianMs: Record<Operation, number>;
  memoryBytesPeak: Record<Operation, number | null>;
  /** Allocated on disk after the first snapshot, and what all three take. */
  firstBytes: number;
  allBytes: number;
}

async function allocatedBytes(path: string): Promise<number> {
  const { stdout } = await execute("du", ["-s", "-B1", path]);
  return Number(stdout.split("\t")[0]);
}

async function filesOf(source: string): Promise<string[]> {
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
  measured: Record<Operation, Measured>;
  firstBytes: number;
  allBytes: number;
}

/**
 * Runs the contenders in turn, round after round, so that what else the machine does meets all of them alike.
 * Every restored tree is compared with its source; a contender that gives back something else ends the run.
 */
export async function compare(
  contenders: readonly Contender[],
  options: ComparisonOptions,
): Promise<ComparisonRow[]> {
  const { source, directory, runs, seed, settle = true, onStep } = options;
  const paths = await filesOf(source);
  const rounds = new Map<Contender, { version: string; rounds: Round[] }>();
  for (const contender of contenders) {
    const version = await contender.version();
    if (version === null) onStep?.(`${contender.name}: not installed, left out`);
    else rounds.set(contender, { version, rounds: [] });
  }

  for (let run = 0; run < runs; run += 1) {
    for (const [contender, kept] of rounds) {
      onStep?.(`${contender.name}: round ${run + 1} of ${runs}`);
      const home = join(directory, "contender");
      await mkdir(home);
      kept.rounds.push(await runRound(contender, { source, home, paths, seed: seed + run, settle }));
      await rm(home, { recursive: true });
    }
  }
  return [...rounds].map(([contender, kept]) => summarize(contender, kept.version, kept.rounds));
}

interface RoundOptions {
  source: string;
  home: string;
  paths: string[];
  seed: number;
  settle: boolean;
}

async function runRound(
  contender: Contender,
  { source, home, paths, seed, settle }: RoundOptions,
): Promise<Round> {
  const repositoryFolder = join(home, "repository");
  const target = join(home, "restored");
  await mkdir(repositoryFolder);
  await mkdir(target);
  const repository: Repository = await contender.create(repositoryFolder);
  // What the last piece of work left to write must not be charged to the next.
  const measured = async (work: () => Promise<Measured>): Promise<Measured> => {
    if (settle) await execute("sync", []);
    return work();
  };

  const first = await measured(() => repository.snapshot(source, "first"));
  const firstBytes = await allocatedBytes(repositoryFolder);
  const unchanged = await measured(() => repository.snapshot(source, "unchanged"));
  changeFiles(source, paths, 10, seed);
  const changed = await measured(() => repository.snapshot(source, "changed"));
  const allBytes = await allocatedBytes(repositoryFolder);
  const restore = await measured(() => repository.restore("changed", target));
  await verifyEqual(source, target, contender.fidelity);
  return { measured: { first, unchanged, changed, restore }, firstBytes, allBytes };
}

function summarize(contender: Contender, version: string, rounds: Round[]): ComparisonRow {
  const each = <T>(pick: (operation: Operation) => T): Record<Operation, T> => ({
    first: pick("first"),
    unchanged: pick("unchanged"),
    changed: pick("changed"),
    restore: pick("restore"),
  });
  return {
    contender: contender.name,
    version,
    settings: contender.settings,
    medianMs: each((operation) => median(rounds.map((round) => round.measured[operation].durationMs))),
    memoryBytesPeak: each((operation) => {
      const peaks = rounds.flatMap((round) => round.measured[operation].memoryBytesPeak ?? []);
      return peaks.length === 0 ? null : Math.max(...peaks);
    }),
    firstBytes: median(rounds.map((round) => round.firstBytes)),
    allBytes: median(rounds.map((round) => round.allBytes)),
  };
}
