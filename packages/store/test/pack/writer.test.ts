import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { frameBytesTarget, objectBytesMax, packBytesTarget } from "../../src/limits.js";
import { chunkEntryBytes } from "../../src/pack/format.js";
import { PackWriter, type WrittenPack } from "../../src/pack/writer.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";
import { temporaryDirectory } from "../temporary.js";
import { compression, makePack, readWholePack } from "./made-pack.js";

test("nothing has a pack's name before finish, and nothing unfinished is left after it", (t) => {
  const directory = temporaryDirectory(t);
  const writer = new PackWriter(linuxFiles, directory, "data", compression, () => undefined);
  writer.add(hash(Buffer.from("fox")), Buffer.from("fox"));
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith(".pack")),
    [],
  );
  writer.finish();
  assert.equal(readdirSync(directory).length, 1);
  assert.match(readdirSync(directory)[0] as string, /^[0-9a-f]{64}\.pack$/);
});

test("abort leaves nothing behind, and may be called twice", (t) => {
  const directory = temporaryDirectory(t);
  const writer = new PackWriter(linuxFiles, directory, "data", compression, () =>
    assert.fail("a pack was finished"),
  );
  writer.add(hash(Buffer.from("fox")), Buffer.from("fox"));
  writer.abort();
  writer.abort();
  assert.deepEqual(readdirSync(directory), []);
});

test("a writer that was given nothing writes nothing", (t) => {
  const directory = temporaryDirectory(t);
  new PackWriter(linuxFiles, directory, "data", compression, () =>
    assert.fail("a pack was finished"),
  ).finish();
  assert.deepEqual(readdirSync(directory), []);
});

test("small chunks share frames of the target size, in the order they came", (t) => {
  const chunks = Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, `chunk ${n} `));
  const { pack } = makePack(temporaryDirectory(t), chunks);
  assert.equal(pack.frames.length, Math.ceil(300 / Math.floor(frameBytesTarget / 1000)));
  for (const frame of pack.frames) assert.ok(frame.plainBytes <= frameBytesTarget);
  const places = chunks.map((chunk) => pack.chunks.find(({ id }) => id.equals(hash(chunk))));
  const inOrder = [...places].sort(
    (a, b) => (a?.frame ?? 0) - (b?.frame ?? 0) || (a?.offset ?? 0) - (b?.offset ?? 0),
  );
  assert.deepEqual(inOrder, places);
});

test("a chunk larger than a frame has one of its own, and does not disturb its neighbours", (t) => {
  const chunks = [Buffer.from("before"), Buffer.alloc(3 * frameBytesTarget, "large"), Buffer.from("after")];
  const made = makePack(temporaryDirectory(t), chunks);
  assert.equal(made.pack.frames.length, 3);
  const read = readWholePack(made);
  for (const chunk of chunks) assert.deepEqual(read.get(hash(chunk).toString("hex")), chunk);
});

test("an object above the limit is refused", (t) => {
  const writer = new PackWriter(linuxFiles, temporaryDirectory(t), "data", compression, () => undefined);
  const large = Buffer.alloc(objectBytesMax + 1);
  assert.throws(() => writer.add(hash(large), large), withCode("too_large"));
});

test("a pack is closed at about the target size, and told of when it is readable", (t) => {
  const directory = temporaryDirectory(t);
  const packs: WrittenPack[] = [];
  const writer = new PackWriter(linuxFiles, directory, "data", compression, (pack) => {
    assert.ok(readdirSync(directory).includes(`${pack.id}.pack`));
    packs.push(pack);
  });
  const random = new Random(seedOfRun());
  const noise = random.bytes(256 * 1024);
  for (let written = 0; written < 1.5 * packBytesTarget; written += noise.length) {
    noise.writeUInt32LE(random.word(), 0);
    writer.add(hash(noise), noise);
  }
  assert.equal(packs.length, 1);
  writer.finish();
  assert.equal(packs.length, 2);
  // Frames that are still being compressed come on top.
  for (const { fileBytes } of packs) assert.ok(fileBytes < 1.25 * packBytesTarget, `${fileBytes} bytes`);
});

test("a chunk given to a tree writer can be read back before its pack is written", (t) => {
  const directory = temporaryDirectory(t);
  const node = Buffer.from("a tree node");
  const writer = new PackWriter(linuxFiles, directory, "tree", compression, () => undefined);
  const mutable = Buffer.from(node);
  writer.add(hash(node), mutable);
  mutable.fill(0);
  assert.deepEqual(writer.pendingBytes(hash(node)), node);
  assert.ok(writer.has(hash(node)));
  writer.finish();
  assert.ok(!writer.has(hash(node)));
});

test("a pack is closed at the target size also when most of it is its tables", (t) => {
  const packs: WrittenPack[] = [];
  const writer = new PackWriter(linuxFiles, temporaryDirectory(t), "data", compression, (pack) =>
    packs.push(pack),
  );
  const stored = Buffer.from("a frame of many tiny chunks");
  const frame = { offset: 0, storedBytes: stored.length, plainBytes: 40_000, codec: 0, digest: hash(stored) };
  const chunks = Array.from({ length: 10_000 }, (_, n) => {
    const id = hash(Buffer.from(`${n}`));
    return { id, frame: 0, offset: 4 * n, length: 4 };
  });
  const wanted = Math.ceil(packBytesTarget / (chunks.length * chunkEntryBytes));
  for (let n = 0; n < wanted; n++) writer.addFrame(frame, stored, chunks);
  writer.abort();
  assert.equal(packs.length, 1);
  assert.ok((packs[0]?.fileBytes ?? 0) < 1.25 * packBytesTarget);
});
