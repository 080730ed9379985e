/**
 * Every decoder, given encodings that were changed and then given right digests again, so that the change is not caught by
 * these: a typed error, or a value whose encoding is the same bytes.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hash } from "../src/chunk/hash.js";
import { decodeDescription, encodeDescription } from "../src/disk/description.js";
import { decodeLayer, encodeLayer } from "../src/disk/layer-file.js";
import type { LayerId, PackId, SnapshotId, TreeId } from "../src/ids.js";
import {
  checkBundleHeader,
  decodeEnd,
  decodeObjectsHead,
  decodeSnapshots,
  encodeBundleHeader,
  encodeEnd,
  encodeObjects,
  encodeSnapshots,
} from "../src/maintenance/bundle-format.js";
import { decodePackEnds, encodePackHeader, encodePackTail } from "../src/pack/format.js";
import { decodeSegmentHead, decodeSegmentHeader, encodeSegmentHead } from "../src/pack/segment-format.js";
import { decodeRecord, encodeRecord } from "../src/snapshot/record.js";
import { decodeList, encodeList, type ContentItem } from "../src/tree/content.js";
import { decodeNode, encodeNode } from "../src/tree/node.js";
import { addSums, noSums } from "../src/tree/entry.js";
import { changed } from "./changed-bytes.js";
import { failsWith } from "./errors.js";
import { Random, seedOfRun } from "./random.js";
import { depth } from "./simulation/share.js";
import { randomEntries } from "./tree/random-entries.js";

const rounds = 1500 * depth;
/** What a value may take at most while it is decoded, beside the bytes that it is decoded from. */
const memoryBytesMax = 64 * 1024 * 1024;

interface Decoder {
  make: (random: Random) => Buffer;
  /** Puts right what commits to the bytes. */
  seal?: (bytes: Buffer) => Buffer;
  /** Decodes and encodes again. */
  again: (bytes: Buffer) => Buffer;
}

const id = (random: Random): Buffer => hash(random.bytes(8));
const hex = <Id>(random: Random): Id => id(random).toString("hex") as Id;
const word = (random: Random): string => "größer als zuvor".slice(0, random.below(17));

function record(random: Random) {
  return encodeRecord({
    name: `n${word(random)}`,
    diskId: random.chance(0.5) ? null : "disk",
    tree: hex<TreeId>(random),
    parent: random.chance(0.5) ? null : hex<SnapshotId>(random),
    createdAtMs: 1_700_000_000_000 + random.word(),
    comment: word(random),
    consistency: random.pick(["idle", "live"]),
    files: random.below(1000),
    directories: random.below(1000),
    logicalBytes: random.word() * 2 ** 20,
    newBytes: random.word(),
  });
}

const recordOf = (bytes: Buffer) => decodeRecord(hash(bytes).toString("hex") as SnapshotId, bytes);

/** The tables of a pack of `frames` bytes, in front of which its header would be. */
const packFrameBytes = 1000;

function packTail(random: Random): Buffer {
  const frames = [0, 1].map((n) => ({
    offset: 16 + (n * packFrameBytes) / 2,
    storedBytes: packFrameBytes / 2,
    plainBytes: 600,
    codec: n,
    digest: id(random),
  }));
  const chunks = Array.from({ length: 4 }, (_, n) => ({
    id: id(random),
    frame: n >> 1,
    offset: 0,
    length: 300,
  }));
  return encodePackTail("data", frames, chunks, 16 + packFrameBytes).bytes;
}

const decoders: Record<string, Decoder> = {
  "tree node": {
    make: (random) => {
      const entries = randomEntries(random, 1 + random.below(6));
      const sums = noSums();
      for (const entry of entries) addSums(sums, entry);
      return encodeNode({ kind: "leaf", sums, entries });
    },
    again: (bytes) => encodeNode(decodeNode(bytes)),
  },
  "tree branch": {
    make: (random) => {
      const parts = ["a", "bc", "d"].map((name) => ({ lastName: Buffer.from(name), id: id(random) }));
      return encodeNode({
        kind: "branch",
        sums: { files: random.word(), directories: 3, logicalBytes: 9 },
        parts,
      });
    },
    again: (bytes) => encodeNode(decodeNode(bytes)),
  },
  "chunk list": {
    make: (random) =>
      encodeList([
        { kind: "chunk", length: 1 + random.below(65_536), id: id(random) } satisfies ContentItem,
        { kind: "hole", length: 1 + random.word() },
        { kind: "list", length: 1 + random.word(), id: id(random) },
      ]),
    again: (bytes) => encodeList(decodeList(bytes)),
  },
  "pack tables": {
    make: packTail,
    seal: (bytes) => {
      const end = bytes.length - 40;
      if (end > 0) hash(Buffer.concat([encodePackHeader("data"), bytes.subarray(0, end)])).copy(bytes, end);
      return bytes;
    },
    again: (bytes) => {
      const fileBytes = 16 + packFrameBytes + bytes.length;
      const { kind, frames, chunks } = decodePackEnds(
        Buffer.concat([encodePackHeader("data"), bytes]),
        fileBytes,
      );
      return encodePackTail(kind, frames, chunks, 16 + packFrameBytes).bytes;
    },
  },
  "head of an index segment": {
    make: (random) =>
      encodeSegmentHead({
        packs: [1, 2].map((n) => ({
          id: hex<PackId>(random),
          kind: n === 1 ? "data" : "tree",
          chunkCount: random.below(100),
          frameCount: random.below(9),
          fileBytes: 10_000 + random.below(10_000),
        })),
        bits: 1,
        starts: Uint32Array.of(0, 3, 7),
        blockDigests: random.bytes(64),
      }),
    seal: (bytes) => {
      const end = bytes.length - 32;
      if (end > 0) hash(bytes.subarray(0, end)).copy(bytes, end);
      return bytes;
    },
    again: (bytes) => {
      const { headBytes } = decodeSegmentHeader(bytes.subarray(0, 24), bytes.length + 7 * 44);
      return encodeSegmentHead(decodeSegmentHead(bytes.subarray(0, headBytes)));
    },
  },
  "snapshot record": {
    make: (random) => record(random).bytes,
    again: (bytes) => encodeRecord(recordOf(bytes)).bytes,
  },
  "header of a bundle": {
    make: () => encodeBundleHeader(),
    again: (bytes) => {
      checkBundleHeader(bytes);
      return encodeBundleHeader();
    },
  },
  "snapshots of a bundle": {
    make: (random) =>
      encodeSnapshots({ bases: random.chance(0.5) ? [] : [id(random)], records: [record(random).bytes] }),
    again: (bytes) => {
      const { bases, snapshots } = decodeSnapshots(bytes);
      return encodeSnapshots({ bases, records: snapshots.map((snapshot) => encodeRecord(snapshot).bytes) });
    },
  },
  "objects of a bundle": {
    make: (random) => {
      const lengths = [1 + random.below(50), 1 + random.below(50)];
      const kind = random.pick(["data", "tree"] as const);
      return encodeObjects({ kind, codec: 0, lengths }, random.bytes((lengths[0] ?? 0) + (lengths[1] ?? 0)));
    },
    again: (bytes) => {
      const { kind, codec, lengths, stored } = decodeObjectsHead(bytes);
      return encodeObjects({ kind, codec, lengths }, stored);
    },
  },
  "end of a bundle": {
    make: (random) => encodeEnd({ objects: random.word(), plainBytes: random.word() * 1000 }),
    again: (bytes) => encodeEnd(decodeEnd(bytes)),
  },
  "description of a disk": {
    make: (random) =>
      encodeDescription({
        id: "disk",
        driver: random.pick(["overlay", "directory"]),
        createdAtMs: random.word(),
        top: random.chance(0.5) ? null : ("abcdefghijkl" as LayerId),
        upper: `u${1 + random.below(100)}`,
        freezing: random.chance(0.5) ? null : "u999",
      }),
    seal: sealJson,
    again: (bytes) => encodeDescription(decodeDescription("disk", bytes)),
  },
  "description of a layer": {
    make: (random) =>
      encodeLayer({
        parent: random.chance(0.5) ? null : ("abcdefghijkl" as LayerId),
        createdAtMs: random.word(),
      }),
    seal: sealJson,
    again: (bytes) => encodeLayer(decodeLayer("abcdefghijkl", bytes)),
  },
};

/** Where it is JSON still. */
function sealJson(bytes: Buffer): Buffer {
  try {
    const { digest: _digest, ...fields } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
    const digest = hash(Buffer.from(JSON.stringify(fields))).toString("hex", 0, 16);
    return Buffer.from(`${JSON.stringify({ ...fields, digest }, null, 2)}\n`);
  } catch {
    return bytes;
  }
}

describe("what was changed is refused, or was right and encodes to the same bytes", () => {
  for (const [what, { make, seal = (bytes: Buffer) => bytes, again }] of Object.entries(decoders)) {
    test(what, { timeout: 60_000 * depth }, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      let refused = 0;
      for (let round = 0; round < rounds; round++) {
        const original = make(random);
        assert.deepEqual(again(Buffer.from(original)), original, `seed ${random.seed}, unchanged`);
        let bytes = changed(random, original);
        while (random.chance(0.3) && bytes.length > 0) bytes = changed(random, bytes);
        bytes = seal(Buffer.from(bytes));
        const where = `seed ${random.seed}, round ${round}: ${bytes.toString("hex")}`;
        const memoryBefore = process.memoryUsage().arrayBuffers;
        const isRefused = failsWith(["corrupt", "store_version_unsupported"], () =>
          assert.ok(again(bytes).equals(bytes), where),
        );
        if (isRefused) refused += 1;
        assert.ok(process.memoryUsage().arrayBuffers - memoryBefore < memoryBytesMax, where);
      }
      t.diagnostic(`${refused} of ${rounds} refused`);
      // Most changes are wrong; were none refused, nothing would have been tried.
      assert.ok(refused > rounds / 4, `${refused} refused`);
    });
  }
});
