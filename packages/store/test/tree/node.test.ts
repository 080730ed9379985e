import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../../src/bytes.js";
import { addSums, noSums, type TreeEntry } from "../../src/tree/entry.js";
import {
  decodeNode,
  encodeBranch,
  encodeEntry,
  encodeLeaf,
  encodeNode,
  writeEntry,
} from "../../src/tree/node.js";
import { withCode } from "../errors.js";
import { golden } from "../golden.js";
import { Random, seedOfRun } from "../random.js";
import { randomEntries } from "./random-entries.js";
import { plainMetadata } from "./plain-metadata.js";

/** A leaf with whatever entries, right or wrong, and right sums unless others are given. */
function leafOf(
  entries: TreeEntry[],
  sums = entries.reduce((total, entry) => (addSums(total, entry), total), noSums()),
) {
  const out = new ByteWriter();
  for (const entry of entries) writeEntry(out, entry);
  return encodeLeaf(sums, out.finish(), entries.length);
}

function file(name: string | Buffer, fields: Partial<TreeEntry> = {}): TreeEntry {
  const content = { type: "file", sizeBytes: 5, content: { depth: 0, id: Buffer.alloc(32, 1) } };
  return { name: Buffer.from(name), ...plainMetadata, ...content, ...fields } as TreeEntry;
}

const xattr = (name: string, value = "v") => ({ name: Buffer.from(name), value: Buffer.from(value) });
const refused = (bytes: Buffer, message: RegExp) =>
  assert.throws(() => decodeNode(bytes), withCode("corrupt", message));

test("any entries come back as they were, and encode to the same bytes again", () => {
  const random = new Random(seedOfRun());
  for (let round = 0; round < 300; round++) {
    const entries = randomEntries(random, random.below(30));
    const bytes = leafOf(entries);
    const node = decodeNode(bytes);
    assert.ok(node.kind === "leaf");
    assert.deepEqual(node.entries, entries, `seed ${random.seed}`);
    assert.deepEqual(encodeNode(node), bytes, `seed ${random.seed}`);
  }
});

test("the encoder refuses what a decoder would, and names it", () => {
  const wrong: Partial<TreeEntry>[] = [
    { uid: 2 ** 32 },
    { mode: 0o10000 },
    { mtimeNanoseconds: 1e9 },
    { xattrs: [xattr("user.b"), xattr("user.a")] },
    { xattrs: [xattr("user.a", "v".repeat(65_537))] },
    { xattrs: Array.from({ length: 17 }, (_, n) => xattr(`user.${100 + n}`, "v".repeat(65_536))) },
    { type: "symlink", target: Buffer.alloc(4096, "t") },
  ];
  for (const fields of wrong) {
    const message = /^"a" cannot be stored: /;
    assert.throws(() => encodeEntry(new ByteWriter(), file("a", fields)), withCode("too_large", message));
  }
  assert.throws(() => encodeEntry(new ByteWriter(), file("n".repeat(256))), withCode("too_large"));
});

test("a leaf has the bytes that the format states", () => {
  const { hex } = golden<{ hex: string }>("tree");
  const node = decodeNode(Buffer.from(hex, "hex"));
  assert.ok(node.kind === "leaf");
  assert.deepEqual(
    node.entries.map(({ type, name }) => `${type} ${name.toString("latin1")}`),
    ["directory d", "file f", "symlink l", "fifo p", "character tty"],
  );
  const [directory, regular, link, , device] = node.entries;
  assert.ok(directory?.type === "directory" && directory.sums.files === 300);
  assert.ok(regular?.type === "file" && regular.sizeBytes === 1000 && regular.content?.depth === 1);
  assert.equal(regular.mtimeSeconds, -86400);
  assert.deepEqual(regular.xattrs, [xattr("user.k", "value")]);
  assert.deepEqual(regular.linkGroup, Buffer.from("linkgrp!"));
  assert.ok(link?.type === "symlink" && link.target.toString() === "../elsewhere");
  assert.ok(device?.type === "character" && device.major === 5 && device.minor === 1);
  assert.equal(encodeNode(node).toString("hex"), hex);
});

describe("a decoder refuses what the encoder would not have written", () => {
  for (const name of [".", "..", "a/b", "/", "a\0b"]) {
    test(`the name ${JSON.stringify(name)}`, () => refused(leafOf([file(name)]), /not allowed/));
  }

  test("the empty name, but for a directory alone, which is a root", () => {
    refused(leafOf([file("")]), /not allowed/);
    const root = file("", { type: "directory", id: Buffer.alloc(32), sums: noSums() } as never);
    refused(leafOf([root, file("a")]), /not allowed/);
    assert.equal(decodeNode(leafOf([root])).kind, "leaf");
  });

  test("names of more than 255 bytes", () => refused(leafOf([file("n".repeat(256))]), /above the limit/));
  test("unsorted names", () => refused(leafOf([file("b"), file("a")]), /not in order/));
  test("a name twice", () => refused(leafOf([file("a"), file("a")]), /not in order/));
  test("names sorted as text but not as bytes", () =>
    refused(leafOf([file("\u{ffff}"), file("\u{e000}")]), /not in order/));
  test("sums that are not those of the entries", () => {
    refused(leafOf([file("a")], { files: 2, directories: 0, logicalBytes: 5 }), /sums/);
    refused(leafOf([file("a")], { files: 1, directories: 1, logicalBytes: 5 }), /sums/);
    refused(leafOf([file("a")], { files: 1, directories: 0, logicalBytes: 6 }), /sums/);
  });
  test("a mode of more than 12 bits", () => refused(leafOf([file("a", { mode: 0o10000 })]), /out of range/));
  test("an owner of more than 32 bits", () => refused(leafOf([file("a", { uid: 2 ** 32 })]), /out of range/));
  test("a second's worth of nanoseconds", () => {
    refused(leafOf([file("a", { mtimeNanoseconds: 1e9 })]), /nanoseconds/);
  });
  test("xattrs out of order, repeated, or without a name", () => {
    refused(leafOf([file("a", { xattrs: [xattr("user.b"), xattr("user.a")] })]), /not in order/);
    refused(leafOf([file("a", { xattrs: [xattr("user.a"), xattr("user.a")] })]), /not in order/);
    refused(leafOf([file("a", { xattrs: [xattr("")] })]), /not in order/);
  });
  test("more than 1 MiB of xattrs", () => {
    const xattrs = Array.from({ length: 17 }, (_, n) => xattr(`user.${100 + n}`, "v".repeat(65_536)));
    refused(leafOf([file("a", { xattrs })]), /too large/);
  });
  test("a symlink without a target, or with a zero byte in it", () => {
    for (const target of ["", "a\0b"]) {
      refused(leafOf([file("a", { type: "symlink", target: Buffer.from(target) } as never)]), /target/);
    }
  });
  test("a directory that is hard linked", () => {
    const directory = { type: "directory", id: Buffer.alloc(32), sums: noSums(), linkGroup: Buffer.alloc(8) };
    refused(leafOf([file("a", directory as never)]), /hard link group/);
  });
  test("xattrs that are announced and are none", () => {
    const bytes = leafOf([file("a")]);
    bytes[bytes.indexOf("a", 12) + 7] = 1;
    refused(Buffer.concat([bytes, Buffer.from([0])]), /none follow/);
  });
  test("a chunk list of more levels than any has", () => {
    refused(leafOf([file("a", { content: { depth: 5, id: Buffer.alloc(32) } })]), /too deep/);
  });
  test("a device number of more than 32 bits, or of what is no device", () => {
    const device = { type: "block", major: 0, minor: 0 };
    refused(leafOf([file("a", { ...device, major: 2 ** 32 } as never)]), /device number/);
    refused(leafOf([file("a", { ...device, minor: 2 ** 32 } as never)]), /device number/);
    refused(leafOf([file("a", { ...device, type: "fifo", major: 1 } as never)]), /device number/);
    refused(leafOf([file("a", { ...device, type: "socket", minor: 1 } as never)]), /device number/);
  });
  test("bytes after the end", () =>
    refused(Buffer.concat([leafOf([file("a")]), Buffer.from([0])]), /too many/));
  test("a number in more bytes than it needs", () => {
    const bytes = leafOf([]);
    // The entry count is the last byte of an empty leaf.
    refused(Buffer.concat([bytes.subarray(0, -1), Buffer.from([0x80, 0x00])]), /shortest form/);
  });
  test("an unknown entry type, flag, node kind or version", () => {
    const bytes = leafOf([file("a")]);
    const flags = bytes.indexOf("a", 12) + 7;
    for (const [at, value] of [
      [8, 2],
      [9, 2],
      [14, 0],
      [14, 8],
      [flags, 4],
    ] as const) {
      const changed = Buffer.from(bytes);
      changed[at] = value;
      refused(changed, /unknown|not known/);
    }
  });
  test("a branch of fewer than two parts, or with parts out of order", () => {
    const part = (name: string) => ({ lastName: Buffer.from(name), id: Buffer.alloc(32) });
    refused(encodeBranch(noSums(), [part("a")]), /fewer than two/);
    refused(encodeBranch(noSums(), [part("b"), part("a")]), /not in order/);
  });
});
