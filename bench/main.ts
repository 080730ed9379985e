import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareCollection } from "./collection.js";
import { compare } from "./compare.js";
import { contenders } from "./contenders/index.js";
import { describeMachine } from "./machine.js";
import { markAccounting } from "./marks/accounting.js";
import { markDisk } from "./marks/disk.js";
import { markLibrary } from "./marks/library.js";
import { together, type Marks } from "./marks/mark.js";
import { markPeers } from "./marks/peers.js";
import { descendants } from "./marks/processes.js";
import { startBenchServer } from "./marks/server.js";
import { markSessions } from "./marks/sessions.js";
import { measureProcess } from "./measure.js";
import { measureIndexes } from "./micro/index-scale.js";
import { runMicro } from "./micro/tasks.js";
import { parseOptions, usage, UsageError, type BenchOptions } from "./options.js";
import { measureReferences } from "./references.js";
import {
  collectionTable,
  comparisonTable,
  goalsOfResults,
  goalsTable,
  indexTable,
  isCompared,
  machineLine,
  markdown,
  marksParts,
  microTable,
  type Results,
  type SourceTree,
} from "./report.js";
import { writeNodeModules } from "./workloads/node-modules.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const say = (text: string): void => console.error(text);

async function runSessions(
  directory: string,
  { runs: wanted, sessions, execs }: BenchOptions,
): Promise<Marks> {
  const runs = wanted ?? 10;
  return await markSessions(directory, {
    warmRuns: 10 * runs,
    coldRuns: runs,
    sessions,
    execs,
    onStep: say,
  });
}

/** The size of the store for which the library promises what questions about its space cost. */
const accounted = { snapshots: 1000, files: 4000 };

async function runDisks(directory: string, { files, runs: wanted, clones }: BenchOptions): Promise<Marks> {
  const runs = wanted ?? 10;
  say(`disks: over HTTP, with ${files} files`);
  await using server = await startBenchServer(join(directory, "disks"));
  const disk = await markDisk(server, { files, runs });
  const library = await markLibrary(directory, { files, runs, clones, onStep: say });
  const accounting = await markAccounting(directory, { ...accounted, runs, onStep: say });
  say(`disks: copies of ${files} files by others`);
  return together([
    disk,
    library,
    accounting,
    await markPeers(directory, { files, runs: Math.min(runs, 3) }),
  ]);
}

/** The tree to keep: a copy of a real one, or one that looks like it. */
async function prepareSource(source: string, options: BenchOptions): Promise<SourceTree> {
  if (options.source === null) return { made: true, ...writeNodeModules(source, options) };
  await measureProcess("cp", ["-a", options.source, source]);
  const { output } = await measureProcess("/bin/sh", ["-c", countScript, "count", source]);
  const [files = 0, directories = 0, bytes = 0] = output.split(/\s+/).map(Number);
  return { made: false, files, directories, bytes };
}

const countScript = [
  'find "$1" ! -type d | wc -l',
  'find "$1" -type d | wc -l',
  `find "$1" -type f -printf '%s\\n' | awk '{ sum += $1 } END { print sum }'`,
].join("; ");

/** Indexes that the goals are about; and segments as a store has that merges when there are eight. */
const indexSizes = [
  { chunks: 1_000_000, segments: 4 },
  { chunks: 10_000_000, segments: 8 },
];

/** Keeps what was found after each work, so that one that fails does not lose the others. */
async function runWorks(directory: string, scratch: string, options: BenchOptions): Promise<void> {
  const former =
    options.add && existsSync(options.json)
      ? (JSON.parse(await readFile(options.json, "utf8")) as Results)
      : null;
  const results: Results = former ?? {
    startedAt: new Date().toISOString(),
    machine: await describeMachine(directory, scratch),
    options: { ...options },
  };
  console.log(`${machineLine(results.machine)}\n`);
  const source = join(directory, "source");
  const chosen = contenders.filter(
    ({ name }) => options.contenders.length === 0 || options.contenders.includes(name),
  );
  const { seed, snapshots } = options;
  const runs = options.runs ?? 3;
  if (options.works.some((work) => work === "compare" || work === "collect")) {
    results.source = await prepareSource(source, options);
  }
  for (const work of options.works) {
    if (work === "sessions" || work === "disks") {
      const startedAt = new Date().toISOString();
      const machine = await describeMachine(directory);
      const run = work === "sessions" ? runSessions : runDisks;
      const found = { startedAt, machine, ...(await run(directory, options)) };
      results[work] = found;
      console.log(`${marksParts(found).join("\n\n")}\n`);
    } else if (work === "compare") {
      results.references = await measureReferences(source, directory, runs);
      results.comparison = await compare(chosen, { source, directory, scratch, runs, seed, onStep: say });
      console.log(`${comparisonTable(results.comparison)}\n`);
    } else if (work === "collect") {
      const collecting = { source, directory, scratch, snapshots, fileBytes: 100_000, seed, onStep: say };
      results.collection = await compareCollection(chosen, collecting);
      console.log(`${collectionTable(results.collection)}\n`);
    } else if (work === "index") {
      results.index = await measureIndexes(directory, indexSizes, say);
      console.log(`${indexTable(results.index)}\n`);
    } else if (work === "micro") {
      results.micro = await runMicro({
        timeMs: 1_000,
        bytes: 16_000_000,
        chunks: 1_000_000,
        entries: 10_000,
      });
      console.log(`${microTable(results.micro)}\n`);
    }
    await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  if (isCompared(results)) console.log(goalsTable(goalsOfResults(results)));
}

/** Overlayfs leaves folders that not even their owner may enter. */
function removeTree(directory: string): void {
  spawnSync("/bin/sh", ["-c", 'chmod -R u+rwX "$1" 2> /dev/null; rm -rf "$1"', "remove", directory]);
}

/** Leaves nothing behind when it is interrupted: neither processes, with which mounts end, nor files. */
function endOnSignal(directories: readonly string[]): void {
  const end = (signal: NodeJS.Signals): void => {
    for (const pid of descendants(process.pid)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself: the terminal interrupts all of them.
      }
    }
    for (const made of directories) removeTree(made);
    say(`ended by ${signal}, what was made is removed`);
    process.exit(128 + constants.signals[signal]);
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
}

async function main(args: string[]): Promise<void> {
  if (args.includes("--help")) {
    console.log(usage);
    return;
  }
  const options = parseOptions(args, join(here, "results.json"));
  if (options.works.some((work) => work !== "report")) {
    const directory = await mkdtemp(join(options.directory ?? tmpdir(), "chaser-bench-"));
    const scratch =
      options.scratch === null ? directory : await mkdtemp(join(options.scratch, "chaser-bench-"));
    endOnSignal([directory, scratch]);
    // A server that is root lets each account work as a host user of its own, which must get through here.
    await chmod(directory, 0o755);
    try {
      await runWorks(directory, scratch, options);
      say(`results: ${options.json}`);
    } finally {
      for (const made of [directory, scratch]) removeTree(made);
    }
  }
  if (options.works.includes("report")) {
    const results = JSON.parse(await readFile(options.json, "utf8")) as Results;
    await writeFile(join(here, "RESULTS.md"), markdown(results));
    say("report: bench/RESULTS.md");
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || (error instanceof TypeError && "code" in error))) throw error;
  say(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
