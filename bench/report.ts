import { operations, type ComparisonRow } from "./compare.js";
import type { Machine } from "./machine.js";
import type { Mark } from "./marks/mark.js";
import type { MicroResult } from "./micro/tasks.js";

/** All that one run found; written as JSON and read back to make the report. */
export interface Results {
  startedAt: string;
  machine: Machine;
  /** The words the run was started with. */
  options: Record<string, unknown>;
  marks?: Mark[];
  comparison?: ComparisonRow[];
  micro?: MicroResult[];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
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
    ["work", "median", "p95", "min", "runs", "goal", "reached"],
    marks.map(({ name, measured, goalMs }) => [
      name,
      milliseconds(measured.medianMs),
      milliseconds(measured.p95Ms),
      milliseconds(measured.minMs),
      String(measured.runs),
      goalMs === null ? "" : `<= ${goalMs} ms`,
      goalMs === null ? "" : measured.medianMs <= goalMs ? "yes" : "no",
    ]),
  );
}

const titles = { first: "first", unchanged: "unchanged", changed: "10 changed", restore: "restore" };

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
      ...operations.map((operation) => milliseconds(row.medianMs[operation])),
      megabytes(row.firstBytes),
      megabytes(row.allBytes),
      megabytes(row.memoryBytesPeak.first),
    ]),
  );
}

export function microTable(results: readonly MicroResult[]): string {
  return table(
    ["inner loop", "rate"],
    results.map(({ name, rate, unit }) => [name, `${rate.toFixed(unit === "MB/s" ? 0 : 2)} ${unit}`]),
  );
}

export function machineLine({ system, kernel, cpu, cpus, memoryBytes, filesystem, node }: Machine): string {
  const memory = `${(memoryBytes / 1e9).toFixed(0)} GB`;
  return `${system}, kernel ${kernel}, ${cpus} x ${cpu}, ${memory}, ${filesystem}, node ${node}`;
}

/** The report as a document. The same results give the same text. */
export function markdown(results: Results): string {
  const parts = ["# Benchmark results", `Run on ${results.startedAt}. ${machineLine(results.machine)}.`];
  if (results.marks !== undefined) parts.push("## Marks", marksTable(results.marks));
  if (results.comparison !== undefined) {
    const settings = results.comparison.map((row) => `- ${row.contender}: ${row.settings}`).join("\n");
    parts.push("## Against other tools", comparisonTable(results.comparison), settings);
  }
  if (results.micro !== undefined) parts.push("## Inner loops", microTable(results.micro));
  return `${parts.join("\n\n")}\n`;
}
