import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { Chunks } from "../../src/pack/chunks.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

function place(t: TestContext) {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/packs`);
  mkdirSync(`${root}/index`);
  return {
    directory: root,
    packs: () => readdirSync(`${root}/packs`),
    open: () => {
      const chunks = new Chunks(linuxFiles, `${root}/packs`, `${root}/index`);
      t.after(() => chunks.close());
      return chunks;
    },
  };
}

const fox = Buffer.from("the quick brown fox");

test("what was put is there after commit, and an absent chunk is missing", (t) => {
  const chunks = place(t).open();
  const writer = chunks.writer();
  const id = writer.put("data", fox);
  assert.deepEqual(id, hash(fox));
  assert.ok(writer.commit());
  assert.deepEqual(chunks.get(id), fox);
  assert.throws(() => chunks.get(hash(Buffer.from("stoat"))), withCode("chunk_missing"));
});

test("the same bytes are stored once, within one writer and across writers", (t) => {
  const here = place(t);
  const chunks = here.open();
  const first = chunks.writer();
  first.put("data", fox);
  first.put("data", fox);
  assert.equal(first.storedBytes, fox.length);
  assert.equal(first.deduplicatedBytes, fox.length);
  assert.ok(first.commit());
  const packs = here.packs();

  const second = chunks.writer();
  second.put("data", fox);
  assert.ok(second.commit());
  assert.equal(second.storedBytes, 0);
  assert.deepEqual(here.packs(), packs);
});

test("content and tree objects go into packs of their own", (t) => {
  const here = place(t);
  const chunks = here.open();
  const writer = chunks.writer();
  writer.put("data", fox);
  writer.put("tree", Buffer.from("a node"));
  assert.ok(writer.commit());
  assert.deepEqual(
    chunks.index
      .packs()
      .map(({ kind }) => kind)
      .sort(),
    ["data", "tree"],
  );
});

test("a writer reads back its own tree objects before commit", (t) => {
  const writer = place(t).open().writer();
  const id = writer.put("tree", Buffer.from("a node"));
  assert.deepEqual(writer.get(id), Buffer.from("a node"));
  writer.abort();
});

test("abort leaves no object to be seen, here or elsewhere", (t) => {
  const here = place(t);
  const chunks = here.open();
  const writer = chunks.writer();
  const id = writer.put("data", fox);
  writer.abort();
  assert.deepEqual(here.packs(), []);
  for (const seen of [chunks, here.open()]) assert.throws(() => seen.get(id), withCode("chunk_missing"));
});

test("what another instance wrote meanwhile is found", (t) => {
  const here = place(t);
  const reading = here.open();
  const writer = here.open().writer();
  const id = writer.put("data", fox);
  assert.ok(writer.commit());
  assert.deepEqual(reading.get(id), fox);
});

test("what collection moved to another pack meanwhile is found", (t) => {
  const here = place(t);
  const writing = here.open();
  const writer = writing.writer();
  const id = writer.put("data", fox);
  assert.ok(writer.commit());
  const reading = here.open();
  assert.deepEqual(reading.get(id), fox);

  const [old] = writing.index.packs();
  writing.index.drop(new Set(old === undefined ? [] : [old.id]));
  const moved = writing.writer();
  moved.put("data", Buffer.from("something else"));
  moved.put("data", fox);
  assert.ok(moved.commit());
  linuxFiles.unlink(-100, `${here.directory}/packs/${old?.id}.pack`);
  reading.reload();
  assert.deepEqual(reading.get(id), fox);
});

test("a writer that failed once never commits: what it lost might be needed", (t) => {
  const failing = { ...linuxFiles };
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/packs`);
  mkdirSync(`${root}/index`);
  const chunks = new Chunks(failing, `${root}/packs`, `${root}/index`);
  t.after(() => chunks.close());
  const writer = chunks.writer();
  failing.open = () => {
    throw new Error("no permission");
  };
  assert.throws(() => writer.put("data", fox), /no permission/);
  Object.assign(failing, linuxFiles);
  writer.put("data", Buffer.from("another"));
  assert.throws(() => writer.commit(), /no permission/);
  writer.abort();
});
