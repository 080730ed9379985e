import { ServerError } from "./errors.js";
import { listRowsMax } from "./limits.js";

export interface PageRequest {
  /** Absent: `listRowsMax`. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface Page<Row> {
  rows: Row[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/**
 * One page of rows that are ordered by a falling `seq`. `load` gives the rows below `before` (null: from the top), at
 * most `limit` of them. One row more than asked tells whether there is a next page.
 */
export async function page<Row extends { seq: number }>(
  request: PageRequest,
  load: (before: number | null, limit: number) => Promise<Row[]>,
): Promise<Page<Row>> {
  const before = request.cursor === undefined ? null : decodeCursor(request.cursor);
  const { limit = listRowsMax } = request;
  const rows = await load(before, limit + 1);
  if (rows.length <= limit) return { rows, nextCursor: null };
  rows.pop();
  const last = rows.at(-1);
  return { rows, nextCursor: last === undefined ? null : encodeCursor(last.seq) };
}

/** The same for a list that is in memory already: the place in it stands for `seq`. */
export async function pageOfList<Item>(request: PageRequest, items: readonly Item[]): Promise<Page<Item>> {
  const numbered = items.map((item, i) => ({ item, seq: items.length - i }));
  const { rows, nextCursor } = await page(request, (before, limit) => {
    const from = numbered.filter(({ seq }) => before === null || seq < before);
    return Promise.resolve(from.slice(0, limit));
  });
  return { rows: rows.map(({ item }) => item), nextCursor };
}

function encodeCursor(seq: number): string {
  return Buffer.from(`seq:${seq}`).toString("base64url");
}

function decodeCursor(cursor: string): number {
  const match = /^seq:(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (match?.[1] === undefined)
    throw new ServerError("invalid_request", "cursor: not a cursor that this server gave", {
      details: { path: "cursor" },
      suggestion: "start again without a cursor",
    });
  return Number(match[1]);
}
