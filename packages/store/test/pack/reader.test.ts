import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import type { PackId } from "../../src/ids.js";
import { PackReader } from "../../src/pack/reader.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { failsWith, withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";
import { makePack, withFlip, type MadePack } from "./made-pack.js";

const contents = ["fox", "hedgehog", "badger"].map((name) => Buffer.from(name.repeat(20)));

function locationIn({ pack }: MadePack, content: Buffer) {
  const chunk = pack.chunks.find(({ id }) => id.equals(hash(content)));
  if (chunk === undefined) throw new Error("chunk is not in the pack");
  return { pack: pack.id, ...chunk };
}

function readAll(directory: string, made: MadePack): void {
  const reader = new PackReader(linuxFiles, directory);
  try {
    for (const content of contents) {
      assert.deepEqual(reader.read(hash(content), locationIn(made, content)), content);
    }
  } finally {
    reader.close();
  }
}

test("a chunk is read from its place", (t) => {
  const directory = temporaryDirectory(t);
  readAll(directory, makePack(directory, contents));
});

test("no flipped byte is ever handed out", (t) => {
  const directory = temporaryDirectory(t);
  const made = makePack(directory, contents);
  for (let at = 0; at < made.bytes.length; at++) {
    withFlip(made.path, at, 0x10, () => {
      const found = failsWith(["corrupt", "store_version_unsupported"], () => readAll(directory, made));
      assert.ok(found, `flip in byte ${at} of ${made.bytes.length} went unseen`);
    });
  }
});

test("a place that belongs to another chunk is corrupt, never wrong bytes", (t) => {
  const directory = temporaryDirectory(t);
  const made = makePack(directory, contents);
  const reader = new PackReader(linuxFiles, directory);
  const [fox, hedgehog] = contents as [Buffer, Buffer];
  assert.throws(
    () => reader.read(hash(fox), locationIn(made, hedgehog)),
    withCode("corrupt", /does not match its id/),
  );
  const beyond = { ...locationIn(made, fox), offset: 1_000_000 };
  assert.throws(() => reader.read(hash(fox), beyond), withCode("corrupt"));
  const noFrame = { ...locationIn(made, fox), frame: 9 };
  assert.throws(() => reader.read(hash(fox), noFrame), withCode("corrupt", /frame that the pack lacks/));
  reader.close();
});

test("a pack that is gone gives null, so that the caller can look for the chunk elsewhere", (t) => {
  const directory = temporaryDirectory(t);
  const made = makePack(directory, contents);
  rmSync(made.path);
  const reader = new PackReader(linuxFiles, directory);
  const [fox] = contents as [Buffer];
  assert.equal(reader.read(hash(fox), locationIn(made, fox)), null);
  reader.close();
});

test("more packs can be read in turn than are kept open, and close frees every descriptor", (t) => {
  const directory = temporaryDirectory(t);
  const made = Array.from({ length: 80 }, (_, n) => makePack(directory, [Buffer.from(`content ${n}`)]));
  const reader = new PackReader(linuxFiles, directory);
  const openBefore = descriptors();
  for (let round = 0; round < 2; round++) {
    made.forEach((pack, n) => {
      const content = Buffer.from(`content ${n}`);
      assert.deepEqual(reader.read(hash(content), locationIn(pack, content)), content);
    });
  }
  reader.close();
  reader.close();
  assert.equal(descriptors(), openBefore);
  assert.equal(
    reader.read(hash(Buffer.alloc(1)), { pack: "0".repeat(64) as PackId, frame: 0, offset: 0, length: 1 }),
    null,
  );
});

test("what is kept stays as it was when its frame's memory serves for others, and what is used once is no copy", (t) => {
  const directory = temporaryDirectory(t);
  const chunks = Array.from({ length: 100 }, (_, n) => Buffer.alloc(100_000, `content ${n} `));
  const made = makePack(directory, chunks);
  const reader = new PackReader(linuxFiles, directory);
  t.after(() => reader.close());
  const kept = chunks.map((chunk) => reader.read(hash(chunk), locationIn(made, chunk)));
  for (const [n, chunk] of chunks.entries()) assert.ok(kept[n]?.equals(chunk), `chunk ${n}`);
  const [first] = chunks as [Buffer];
  const once = (): ArrayBufferLike | undefined =>
    reader.read(hash(first), locationIn(made, first), "once")?.buffer;
  assert.equal(once(), once());
});

/** How many descriptors on packs this process holds. */
function descriptors(): number {
  const fd = linuxFiles.open(-100, "/proc/self/fd", { directory: true });
  const targets = linuxFiles.list(fd).map(({ name }) => {
    try {
      return linuxFiles.readSymlink(fd, name).toString();
    } catch {
      return "";
    }
  });
  linuxFiles.close(fd);
  return targets.filter((target) => target.endsWith(".pack")).length;
}
