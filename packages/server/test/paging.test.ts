import assert from "node:assert/strict";
import { test } from "node:test";
import { listRowsMax } from "../src/limits.js";
import { pageOfList } from "../src/paging.js";

test("pages of a list, put together, are the list", async () => {
  const items = Array.from({ length: 7 }, (_, i) => i);
  const seen: number[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const { rows, nextCursor } = await pageOfList({ limit: 3, cursor }, items);
    seen.push(...rows);
    cursor = nextCursor ?? undefined;
    pages += 1;
  } while (cursor !== undefined);
  assert.deepEqual(seen, items);
  assert.equal(pages, 3);
});

test("a page that ends exactly at the end has no next one", async () => {
  const { rows, nextCursor } = await pageOfList({ limit: 3 }, [1, 2, 3]);
  assert.deepEqual(rows, [1, 2, 3]);
  assert.equal(nextCursor, null);
});

test("without a limit as much comes at once as an answer may hold, and the rest with its cursor", async () => {
  assert.deepEqual(await pageOfList({}, [1, 2, 3]), { rows: [1, 2, 3], nextCursor: null });
  const items = Array.from({ length: listRowsMax + 2 }, (_, i) => i);
  const { rows, nextCursor } = await pageOfList({}, items);
  assert.equal(rows.length, listRowsMax);
  const rest = await pageOfList({ cursor: nextCursor ?? "" }, items);
  assert.deepEqual(rest, { rows: items.slice(listRowsMax), nextCursor: null });
});

test("a cursor that nobody gave is refused", async () => {
  for (const cursor of ["", "x", "seq:1", Buffer.from("seq:-1").toString("base64url")])
    await assert.rejects(pageOfList({ limit: 1, cursor }, [1]), { code: "invalid_request" });
});
