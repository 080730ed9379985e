import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareCollection } from "./collection.js";
import { compare } from "./compare.js";
import { contenders } from "./contenders/index.js";
import { describeMachine } from "./machine.js";
import { markDisk } from "./marks/disk.js";
import { markExec } from "./marks/exec.js";
import { markLibrary } from "./marks/library.js";
import type { Mark } from "./marks/mark.js";
import { startBenchServer } from "./marks/server.js";
import { measureProcess } from "./measure.js";
import { measureIndexes } from "./micro/index-scale.js";
import { runMicro } from "./micro/tasks.js";
import { parseOptions, usage, UsageError, type BenchOptions } from "./options.js";
import { measureReferences } from "./references.js";
import {
  collectionTable,
  comparisonTable,
  goalsTable,
  indexTable,
  machineLine,
  markdown,
  marksTable,
  microTable,
  type Results,
  type SourceTree,
} from "./report.js";
import { writeNodeModules } from "./workloads/node-modules.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const say = (text: string): void => console.error(text);

async function runMarks(directory: string, { files, runs: wanted }: BenchOptions): Promise<Mark[]> {
  const runs = wanted ?? 10;
  await using server = await startBenchServer(join(directory, "data"));
  say("marks: commands");
  const exec = await markExec(server, { warmRuns: 100, coldRuns: runs });
  say(`marks: a disk with ${files} files`);
  const disk = await markDisk(server, { files, runs });
  say(`marks: the library's disks with ${files} files`);
  return [...exec, ...disk, ...(await markLibrary(directory, { files, runs, clones: 1_000 }))];
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
  const results: Results = {
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
    if (work === "marks") {
      results.marks = await runMarks(directory, options);
      console.log(`${marksTable(results.marks)}\n`);
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
  console.log(goalsTable(results));
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
    // A server that is root lets each account work as a host user of its own, which must get through here.
    await chmod(directory, 0o755);
    try {
      await runWorks(directory, scratch, options);
      say(`results: ${options.json}`);
    } finally {
      for (const made of [directory, scratch]) await rm(made, { recursive: true, force: true });
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
