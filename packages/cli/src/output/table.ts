import stringWidth from "string-width";
import { printable } from "./printable.js";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  /** Figures read best to the right. Default `left`. */
  align?: "left" | "right";
}

const gap = "  ";

/** Aligned columns under a line of titles, without borders. Every cell is made safe for a terminal. */
export function formatTable<Row>(columns: Column<Row>[], rows: readonly Row[]): string {
  const cells = [columns.map((column) => column.title)];
  for (const row of rows) cells.push(columns.map((column) => printable(column.value(row))));
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => stringWidth(line[at] ?? ""))));
  return cells
    .map((line) =>
      line
        .map((cell, at) => padCell(cell, widths[at] ?? 0, columns[at]?.align ?? "left"))
        .join(gap)
        .trimEnd(),
    )
    .map((line) => line + "\n")
    .join("");
}

/** One thing's properties, a line each, values aligned. Properties without a value are left out. */
export function formatProperties(properties: [name: string, value: string | null | undefined][]): string {
  const shown = properties.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const width = Math.max(0, ...shown.map(([name]) => stringWidth(name)));
  return shown.map(([name, value]) => padCell(name, width, "left") + gap + printable(value) + "\n").join("");
}

function padCell(cell: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - stringWidth(cell)));
  return align === "right" ? space + cell : cell + space;
}
