import type { CollectionRow } from "./collection.js";
import { operations, type ComparisonRow, type Operation } from "./compare.js";
import { goalsOf, isMet, type Goal } from "./goals.js";
import type { Machine } from "./machine.js";
import type { Mark, Marks } from "./marks/mark.js";
import { median } from "./measure.js";
import type { IndexResult } from "./micro/index-scale.js";
import type { MicroResult } from "./micro/tasks.js";
import type { Reference } from "./references.js";

export interface SourceTree {
  /** Made here, or a copy of a real one. */
  made: boolean;
  files: number;
  directories: number;
  bytes: number;
}

/** Each with its own time and machine: they may be measured anew without the others. */
export interface MarksRun extends Marks {
  startedAt: string;
  machine: Machine;
}

/** All that one run found; written as JSON and read back to make the report. */
export interface Results {
  startedAt: string;
  machine: Machine;
  /** The words the run was started with. */
  options: Record<string, unknown>;
  sessions?: MarksRun;
  disks?: MarksRun;
  comparison?: ComparisonRow[];
  collection?: CollectionRow[];
  index?: IndexResult[];
  micro?: MicroResult[];
  /** What was kept, where trees were compared. */
  source?: SourceTree;
  /** What else costs about as much. */
  references?: Reference[];
}

function table(head: readonly string[], given: readonly (readonly string[])[]): string {
  // A line within a cell would end it.
  const rows = given.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, n) => (n === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function milliseconds(value: number): string {
  return value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

function megabytes(bytes: number | null): string {
  return bytes === null ? "-" : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function marksTable(marks: readonly Mark[]): string {
  return table(
    ["work", "median", "p95", "p99", "min", "runs", "goal", "met", "what limits it"],
    marks.map(({ name, measured, goalMs, limitedBy }) => [
      name,
      milliseconds(measured.medianMs),
      milliseconds(measured.p95Ms),
      milliseconds(measured.p99Ms),
      milliseconds(measured.minMs),
      String(measured.runs),
      goalMs === null ? "" : `<= ${goalMs} ms`,
      goalMs === null ? "" : measured.medianMs <= goalMs ? "yes" : "NO",
      limitedBy ?? "",
    ]),
  );
}

const titles: Record<Operation, string> = {
  first: "first",
  unchanged: "unchanged",
  changed: "10 changed",
  diff: "diff",
  rediff: "diff again",
  restore: "restore",
  over: "restore of 10",
  walk: "find beside",
};

function middle(values: readonly number[], show: (value: number) => string): string {
  return values.length === 0 ? "-" : show(median(values));
}

export function comparisonTable(rows: readonly ComparisonRow[]): string {
  return table(
    [
      "contender",
      ...operations.map((operation) => titles[operation]),
      "stored",
      "all three",
      "memory, first",
    ],
    rows.map((row) => [
      `${row.contender} ${row.version}`,
      ...operations.map((operation) => middle(row.durationsMs[operation], milliseconds)),
      megabytes(row.firstBytes),
      megabytes(row.allBytes),
      middle(row.memoryBytesPeak.first, megabytes),
    ]),
  );
}

export function collectionTable(rows: readonly CollectionRow[]): string {
  return table(
    ["contender", "snapshots", "removing one", "repository open", "only it had", "given back"],
    rows.map((row) => [
      `${row.contender} ${row.version}`,
      String(row.snapshots),
      milliseconds(row.durationMs),
      row.insideMs === null ? "-" : milliseconds(row.insideMs),
      megabytes(row.deadBytes),
      megabytes(row.beforeBytes - row.afterBytes),
    ]),
  );
}

export function indexTable(results: readonly IndexResult[]): string {
  const rate = (perSecond: number): string => `${(perSecond / 1e6).toFixed(2)} M/s`;
  return table(
    [
      "chunks",
      "open",
      "anew",
      "first hits",
      "hits",
      "misses",
      "memory a chunk",
      "merge",
      "memory, merge",
      "memory, lookups",
    ],
    results.map((result) => [
      String(result.chunks),
      milliseconds(result.openMs),
      milliseconds(result.reloadMs),
      rate(result.firstHitsPerSecond),
      rate(result.hitsPerSecond),
      rate(result.missesPerSecond),
      `${result.memoryBytesPerChunk.toFixed(1)} bytes`,
      `${milliseconds(result.mergeMs)} of ${result.segments}`,
      megabytes(result.mergeMemoryBytesPeak),
      megabytes(result.memoryBytesPeak),
    ]),
  );
}

/** Whether anything ran that the goals of `goals.ts` are about. */
export function isCompared({ comparison, collection, index }: Results): boolean {
  return comparison !== undefined || collection !== undefined || index !== undefined;
}

export function goalsOfResults({ comparison = [], collection = [], index = [] }: Results): Goal[] {
  return goalsOf({ comparison, collection, index });
}

export function goalsTable(goals: readonly Goal[]): string {
  return table(
    ["what", "measured", "goal", "met", "what limits it"],
    goals.map((goal) => {
      const met = isMet(goal);
      const value = goal.value === null ? "not run" : `${goal.value.toFixed(2)} ${goal.unit}`.trim();
      return [goal.name, value, goal.limit, met === null ? "-" : met ? "yes" : "NO", goal.limitedBy];
    }),
  );
}

export function microTable(results: readonly MicroResult[]): string {
  return table(
    ["inner loop", "rate"],
    results.map(({ name, rate, unit }) => [name, `${rate.toFixed(unit === "MB/s" ? 0 : 2)} ${unit}`]),
  );
}

/** What a part of the marks found, for the document and for who waits for it. */
export function marksParts(run: MarksRun): string[] {
  return [
    `Run on ${run.startedAt}. ${machineLine(run.machine)}.`,
    ...(run.goals.length === 0 ? [] : [goalsTable(run.goals)]),
    marksTable(run.marks),
    ...run.notes,
  ];
}

export function machineLine(machine: Machine): string {
  const { system, kernel, cpu, cpus, memoryBytes, filesystem, scratchFilesystem, node, loadAverage } =
    machine;
  const memory = `${(memoryBytes / 1e9).toFixed(0)} GB`;
  const filesystems =
    scratchFilesystem === filesystem ? filesystem : `${filesystem}, restored trees on ${scratchFilesystem}`;
  const load = `load average ${loadAverage.toFixed(0)} at the start`;
  return `${system}, kernel ${kernel}, ${cpus} x ${cpu}, ${memory}, ${filesystems}, node ${node}, ${load}`;
}

/** The report as a document. The same results give the same text. */
export function markdown(results: Results): string {
  const parts = ["# Benchmark results", `Run on ${results.startedAt}. ${machineLine(results.machine)}.`];
  const { comparison, collection, index, source } = results;
  if (source !== undefined) {
    const { files, directories, bytes } = source;
    const tree = `${files} files, ${directories} directories, ${megabytes(bytes)}`;
    parts.push(`The tree: ${source.made ? "made to look like node_modules" : "a real one"}, ${tree}.`);
  }
  if (isCompared(results)) {
    parts.push("## Goals", goalsNote, goalsTable(goalsOfResults(results)));
  }
  if (results.sessions !== undefined) parts.push("## Sessions", ...marksParts(results.sessions));
  if (results.disks !== undefined) parts.push("## Disks", ...marksParts(results.disks));
  if (comparison !== undefined) {
    const settings = comparison.map((row) => `- ${row.contender}: ${row.settings}`).join("\n");
    const runs = comparison[0]?.durationsMs.first.length ?? 0;
    parts.push("## Against other tools", comparisonNote(runs), comparisonTable(comparison), settings);
    const inside = comparison.flatMap(({ contender, insideMs }) =>
      operations
        .filter((operation) => insideMs[operation].length > 0)
        .map((operation) => [contender, titles[operation], middle(insideMs[operation], milliseconds)]),
    );
    if (inside.length > 0) parts.push(insideNote, table(["contender", "work", "inside"], inside));
  }
  if (results.references !== undefined) {
    const rows = results.references.map(({ name, durationMs }) => [name, milliseconds(durationMs)]);
    parts.push("## For scale", table(["work", "time"], rows));
  }
  if (collection !== undefined) parts.push("## Giving space back", collectionTable(collection));
  if (index !== undefined) parts.push("## The index at scale", indexTable(index));
  if (results.micro !== undefined) parts.push("## Inner loops", microTable(results.micro));
  return `${parts.join("\n\n")}\n`;
}

const goalsNote =
  "A value without a unit is a ratio: of runs in the same round where there are rounds, the median of these.";
const insideNote = "Of this, with the program started and the repository open:";

function comparisonNote(runs: number): string {
  return [
    `Medians of ${runs} rounds in turn, each with a fresh repository and each program started anew; what is read is in the page cache, and`,
    "`sync` runs before each measurement. Each restored tree was compared with its source, byte by byte.",
    "`find beside`: `find -printf '%s %T@'` right before `unchanged`.",
  ].join("\n");
}
