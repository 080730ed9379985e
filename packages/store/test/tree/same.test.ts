import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../src/bytes.js";
import type { TreeEntry } from "../../src/tree/entry.js";
import { writeEntry } from "../../src/tree/node.js";
import { sameEntry, sameEntryItself } from "../../src/tree/same.js";
import { Random, seedOfRun } from "../random.js";
import { randomEntries } from "./random-entries.js";

function encoded(entry: TreeEntry): string {
  const out = new ByteWriter();
  writeEntry(out, entry);
  return out.finish().toString("hex");
}

/** Each field of an entry, and of what it holds, changed on its own. */
function* variants(entry: object): Generator<object> {
  for (const [key, value] of Object.entries(entry) as [string, unknown][]) {
    if (typeof value === "number") yield { ...entry, [key]: value === 0 ? 1 : value - 1 };
    else if (Buffer.isBuffer(value)) yield { ...entry, [key]: Buffer.concat([value, Buffer.from("x")]) };
    else if (Array.isArray(value)) {
      yield {
        ...entry,
        [key]: [...(value as object[]), { name: Buffer.from("zz"), value: Buffer.from("1") }],
      };
      for (const [n, item] of (value as object[]).entries()) {
        for (const variant of variants(item)) yield { ...entry, [key]: value.with(n, variant) };
      }
    } else if (value === null) {
      if (key === "linkGroup") yield { ...entry, [key]: Buffer.alloc(8, 1) };
    } else if (typeof value === "object") {
      for (const variant of variants(value)) yield { ...entry, [key]: variant };
    }
  }
}

test("entries are the same when their encodings are", () => {
  const random = new Random(seedOfRun());
  const entries = randomEntries(random, 300);
  for (const [n, entry] of entries.entries()) {
    assert.ok(sameEntry(entry, copyOf(entry)), `seed ${random.seed}, entry ${n}`);
    const following = entries[n + 1];
    if (following !== undefined) assert.equal(sameEntry(entry, following), false, `seed ${random.seed}`);
    for (const variant of variants(entry) as Generator<TreeEntry>) {
      // What an entry of its type does not hold is not part of it.
      assert.equal(sameEntry(entry, variant), encoded(entry) === encoded(variant), `seed ${random.seed}`);
      const own = entry.type === "directory" && variant.type === "directory";
      const itself = own ? { ...variant, id: entry.id, sums: entry.sums } : variant;
      assert.equal(sameEntryItself(entry, variant), sameEntry(entry, itself), `seed ${random.seed}`);
    }
  }
});

/** Equal, and sharing nothing. */
function copyOf(entry: TreeEntry): TreeEntry {
  const copy = (value: unknown): unknown => {
    if (Buffer.isBuffer(value)) return Buffer.from(value);
    if (Array.isArray(value)) return value.map(copy);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]));
  };
  return copy(entry) as TreeEntry;
}
