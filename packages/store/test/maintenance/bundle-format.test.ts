import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../src/bytes.js";
import { bundleSnapshotsMax, chunkBytesMax, frameBytesTarget } from "../../src/limits.js";
import {
  bundleHeaderBytes,
  checkBundleHeader,
  decodeObjectsHead,
  decodeSnapshots,
  encodeObjects,
} from "../../src/maintenance/bundle-format.js";
import { withCode } from "../errors.js";

const stored = Buffer.from("stored");

test("a bundle of a later version is told as such", () => {
  const header = Buffer.alloc(bundleHeaderBytes);
  header.write("CHSRBNDL");
  header.writeUInt32LE(2, 8);
  assert.throws(() => checkBundleHeader(header), withCode("store_version_unsupported"));
});

test("the head of an objects section is read as it was written, and refused when nobody would write it", () => {
  const section = { kind: "data" as const, codec: 1, lengths: [3, 4] };
  assert.deepEqual(decodeObjectsHead(encodeObjects(section, stored)), { ...section, plainBytes: 7, stored });

  const refused = (change: object, bytes: Buffer, reason: RegExp): void => {
    const payload = encodeObjects({ ...section, ...change }, bytes);
    assert.throws(() => decodeObjectsHead(payload), withCode("corrupt", reason));
  };
  refused({ lengths: [] }, Buffer.alloc(0), /0 objects/);
  refused({ lengths: [3, 0] }, stored, /object of 0 bytes/);
  refused({ lengths: [chunkBytesMax + 1] }, stored, /object of \d+ bytes/);
  refused({ lengths: [frameBytesTarget, 1] }, stored, /frame is too large/);
  refused({ lengths: [3] }, stored, /longer than its content/);
  const unknownKind = encodeObjects(section, stored);
  unknownKind.writeUInt8(3, 0);
  assert.throws(() => decodeObjectsHead(unknownKind), withCode("corrupt", /kind/));
});

test("a bundle without a snapshot is refused, and one of more than may be before any is read", () => {
  for (const [bases, records] of [
    [0, 0],
    [0, bundleSnapshotsMax + 1],
    [bundleSnapshotsMax + 1, 1],
  ] as const) {
    const out = new ByteWriter();
    out.varint(bases);
    if (bases === 0) out.varint(records);
    assert.throws(() => decodeSnapshots(out.finish()), withCode("corrupt", /^[^:]*: (0|1001) snapshots/));
  }
});
