import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import type { SnapshotId, TreeId } from "../../src/ids.js";
import {
  checkComment,
  checkSnapshotName,
  decodeRecord,
  encodeRecord,
  type SnapshotRecord,
} from "../../src/snapshot/record.js";
import { withCode } from "../errors.js";

const record: SnapshotRecord = {
  name: "before upgrade",
  diskId: "disk-1",
  tree: "ab".repeat(32) as TreeId,
  parent: "cd".repeat(32) as SnapshotId,
  createdAtMs: 1_700_000_000_123,
  comment: "größer als zuvor",
  consistency: "live",
  files: 3,
  directories: 2,
  logicalBytes: 2 ** 50,
  newBytes: 0,
};

describe("a record", () => {
  test("comes back as it was", () => {
    for (const fields of [
      {},
      { parent: null },
      { diskId: null },
      { comment: "" },
      { consistency: "idle" as const },
    ]) {
      const { id, bytes } = encodeRecord({ ...record, ...fields });
      assert.deepEqual(decodeRecord(id, bytes), { id, ...record, ...fields });
    }
  });

  test("of a time that no date can say is refused", () => {
    const last = encodeRecord({ ...record, createdAtMs: 8.64e15 });
    assert.equal(new Date(decodeRecord(last.id, last.bytes).createdAtMs).getUTCFullYear(), 275_760);
    const later = encodeRecord({ ...record, createdAtMs: 8.64e15 + 1 });
    assert.throws(() => decodeRecord(later.id, later.bytes), withCode("corrupt", /later than any date/));
  });

  test("does not pass with any byte flipped, nor cut short", () => {
    const { id, bytes } = encodeRecord(record);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 1;
      assert.throws(() => decodeRecord(id, flipped), withCode("corrupt", /does not match the id/));
      // Even under the id of its own bytes it is corrupt, or says just what its bytes say.
      const short = bytes.subarray(0, at);
      const shortId = hash(short).toString("hex") as SnapshotId;
      assert.throws(() => decodeRecord(shortId, short), withCode("corrupt"));
    }
  });
});

describe("a record that nobody would have written", () => {
  /** Under the id of its own bytes, so that only its fields are wrong. */
  const refused = (what: string, change: (bytes: Buffer) => void, reason: RegExp): void => {
    test(`is refused: ${what}`, () => {
      const { bytes } = encodeRecord({ ...record, parent: null });
      change(bytes);
      const id = hash(bytes).toString("hex") as SnapshotId;
      assert.throws(() => decodeRecord(id, bytes), withCode("corrupt", reason));
    });
  };
  const versionAt = "CHSRSNAP".length;
  const lengthsAt = versionAt + 1 + 1 + record.name.length;
  const parentFlagAt = lengthsAt + 1 + (record.diskId?.length ?? 0) + 32;
  refused("another version", (bytes) => bytes.writeUInt8(2, versionAt), /version/);
  refused("an unknown flag of the parent", (bytes) => bytes.writeUInt8(2, parentFlagAt), /parent flag/);
  const commentEnds = (bytes: Buffer): number =>
    bytes.indexOf(record.comment) + Buffer.byteLength(record.comment);
  refused("an unknown consistency", (bytes) => bytes.writeUInt8(2, commentEnds(bytes)), /consistency/);
});

describe("a name", () => {
  for (const name of [
    "a",
    "before upgrade",
    "größer",
    "🦊",
    "x".repeat(64),
    "1.2.3",
    "snapshot-20240101-000000",
  ]) {
    test(`${JSON.stringify(name)} is allowed`, () => checkSnapshotName(name));
  }
  for (const name of [
    "",
    " a",
    "a ",
    "a/b",
    "a@b",
    "-a",
    "a\nb",
    "a\u202eb",
    "x".repeat(65),
    "ab".repeat(32),
    "\ud800",
  ]) {
    test(`${JSON.stringify(name)} is refused`, () => {
      assert.throws(() => checkSnapshotName(name), withCode("invalid_argument"));
    });
  }
});

test("a comment has at most 4 KiB", () => {
  checkComment("ü".repeat(2048));
  assert.throws(() => checkComment("ü".repeat(2049)), withCode("invalid_argument"));
});
