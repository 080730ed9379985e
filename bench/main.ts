import { chmod, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compare, type ComparisonRow } from "./compare.js";
import { contenders } from "./contenders/index.js";
import { describeMachine } from "./machine.js";
import { markDisk } from "./marks/disk.js";
import { markExec } from "./marks/exec.js";
import type { Mark } from "./marks/mark.js";
import { startBenchServer } from "./marks/server.js";
import { runMicro } from "./micro/tasks.js";
import { parseOptions, usage, UsageError, type BenchOptions } from "./options.js";
import { comparisonTable, machineLine, markdown, marksTable, microTable, type Results } from "./report.js";
import { writeNodeModules } from "./workloads/node-modules.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const say = (text: string): void => console.error(text);

async function runMarks(directory: string, options: BenchOptions): Promise<Mark[]> {
  await using server = await startBenchServer(join(directory, "data"));
  say("marks: commands");
  const exec = await markExec(server, { warmRuns: 100, coldRuns: options.runs });
  say(`marks: a disk with ${options.files} files`);
  return [...exec, ...(await markDisk(server, { files: options.files, runs: options.runs }))];
}

async function runComparison(directory: string, options: BenchOptions): Promise<ComparisonRow[]> {
  const source = join(directory, "source");
  if (options.source === null) {
    const made = writeNodeModules(source, options);
    say(`compare: a tree of ${made.files} files, ${(made.bytes / 1e6).toFixed(0)} MB`);
  } else {
    await cp(options.source, source, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }
  const chosen = contenders.filter(
    ({ name }) => options.contenders.length === 0 || options.contenders.includes(name),
  );
  return compare(chosen, { source, directory, runs: options.runs, seed: options.seed, onStep: say });
}

async function runWorks(directory: string, options: BenchOptions): Promise<Results> {
  const results: Results = {
    startedAt: new Date().toISOString(),
    machine: await describeMachine(directory),
    options: { ...options },
  };
  console.log(`${machineLine(results.machine)}\n`);
  for (const work of options.works) {
    if (work === "marks") {
      results.marks = await runMarks(directory, options);
      console.log(`${marksTable(results.marks)}\n`);
    } else if (work === "compare") {
      results.comparison = await runComparison(directory, options);
      console.log(`${comparisonTable(results.comparison)}\n`);
    } else if (work === "micro") {
      results.micro = await runMicro({
        timeMs: 1_000,
        bytes: 16_000_000,
        chunks: 1_000_000,
        entries: 10_000,
      });
      console.log(`${microTable(results.micro)}\n`);
    }
  }
  return results;
}

async function main(args: string[]): Promise<void> {
  const options = parseOptions(args, join(here, "results.json"));
  if (options.works.some((work) => work !== "report")) {
    const directory = await mkdtemp(join(options.directory ?? tmpdir(), "chaser-bench-"));
    // A server that is root lets each account work as a host user of its own, which must get through here.
    await chmod(directory, 0o755);
    try {
      const results = await runWorks(directory, options);
      await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
      say(`results: ${options.json}`);
    } finally {
      await rm(directory, { recursive: true, force: true });
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
