import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { DiffSide, TreeChange } from "../../src/api.js";
import type { Engine } from "../../src/engine/engine.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";
import { forgeLongChunk } from "../maintenance/forged.js";
import { makeStore, type MadeStore } from "./made-store.js";

function changes(engine: Engine, from: DiffSide, to: DiffSide, limit?: number): TreeChange[] {
  const { stream } = engine.history.openDiff({}, from, to, { limit });
  const all: TreeChange[] = [];
  for (let next = engine.streams.next({}, stream); next !== null; next = engine.streams.next({}, stream)) {
    all.push(...(next.piece as TreeChange[]));
  }
  return all;
}

/** Without what a directory's own time says, which changes with every name in it. */
function inShort(all: TreeChange[]): string[] {
  return all
    .filter(({ type, what }) => type !== "directory" || what.join() !== "mtime")
    .map(({ path, kind, what }) => `${kind} ${Buffer.from(path).toString()} ${what.join()}`.trim());
}

function makeTwo(t: TestContext): MadeStore {
  const made = makeStore(t);
  const { source, engine } = made;
  for (const directory of ["same/deep", "gone/deep", "touched"]) {
    mkdirSync(`${source}/${directory}`, { recursive: true });
    writeFileSync(`${source}/${directory}/file`, directory);
  }
  for (const name of ["content", "mode", "time", "type"]) writeFileSync(`${source}/touched/${name}`, name);
  symlinkSync("here", `${source}/touched/link`);
  engine.directories.snapshot({}, source, { name: "one" });
  rmSync(`${source}/gone`, { recursive: true });
  mkdirSync(`${source}/new`);
  writeFileSync(`${source}/new/file`, "new");
  writeFileSync(`${source}/touched/content`, "other content");
  utimesSync(`${source}/touched/content`, 1, 1);
  chmodSync(`${source}/touched/mode`, 0o600);
  utimesSync(`${source}/touched/time`, 1, 1);
  rmSync(`${source}/touched/type`);
  mkdirSync(`${source}/touched/type`, 0o755);
  writeFileSync(`${source}/touched/type/below`, "");
  rmSync(`${source}/touched/link`);
  symlinkSync("there", `${source}/touched/link`);
  return made;
}

const expected = [
  "removed gone",
  "removed gone/deep",
  "removed gone/deep/file",
  "added new",
  "added new/file",
  "changed touched/content content,mtime",
  "changed touched/link target,mtime",
  "changed touched/mode mode",
  "changed touched/time mtime",
  "changed touched/type type,mode,mtime",
  "added touched/type/below",
];

describe("a difference", () => {
  test("of two snapshots says what was added, removed and changed, and in what", (t) => {
    const { engine, source } = makeTwo(t);
    engine.directories.snapshot({}, source, { name: "two" });
    assert.deepEqual(inShort(changes(engine, "one", "two")), expected);
    assert.deepEqual(changes(engine, "one", "one"), []);
    const sizes = changes(engine, "one", "two").find(({ path }) => path.length === "touched/content".length);
    assert.deepEqual([sizes?.beforeBytes, sizes?.afterBytes], [7, 13]);
    assert.deepEqual(changes(engine, "one", "two", 3), changes(engine, "one", "two").slice(0, 3));
  });

  test("of a snapshot and a directory is the same, and stores nothing", (t) => {
    const { engine, source, root } = makeTwo(t);
    const packs = readdirSync(`${root}/packs`);
    assert.deepEqual(inShort(changes(engine, "one", { directory: source })), expected);
    assert.deepEqual(readdirSync(`${root}/packs`), packs);
    assert.deepEqual(changes(engine, { directory: source }, { directory: source }), []);
    engine.directories.snapshot({}, source, { name: "two" });
    assert.deepEqual(changes(engine, "two", { directory: source }), []);
    const nowhere = { directory: `${source}/nowhere` };
    assert.throws(() => changes(engine, "one", nowhere), withCode("source_not_found"));
  });

  test("is found without reading directories that are equal", (t) => {
    const made = makeTwo(t);
    const { engine, source, root } = made;
    for (let n = 0; n < 50; n++) {
      mkdirSync(`${source}/many/${n}`, { recursive: true });
      writeFileSync(`${source}/many/${n}/file`, `${n}`);
    }
    engine.directories.snapshot({}, source, { name: "before" });
    writeFileSync(`${source}/many/7/file`, "seven");
    engine.directories.snapshot({}, source, { name: "after" });
    let steps = 0;
    const { stream } = engine.history.openDiff({}, "before", "after", {});
    while (engine.streams.next({ isAborted: () => (steps++, false) }, stream) !== null);
    // The names at the top (4), in `many` (50) and in `many/7` (1).
    assert.ok(steps > 0 && steps <= 60, `${steps} names compared in ${root}`);
  });
});

test("a log tells in which snapshots a path changed", (t) => {
  const { engine, source } = makeStore(t);
  const take = (name: string): unknown => engine.directories.snapshot({}, source, { name });
  take("empty");
  mkdirSync(`${source}/d`);
  writeFileSync(`${source}/d/file`, "1");
  take("added");
  writeFileSync(`${source}/other`, "");
  take("elsewhere");
  writeFileSync(`${source}/d/file`, "22");
  take("changed");
  renameSync(`${source}/d/file`, `${source}/d/moved`);
  take("removed");
  const short = (path: string): string[] =>
    engine.history.log({}, null, Buffer.from(path)).map(({ snapshot, kind }) => `${snapshot.name} ${kind}`);
  assert.deepEqual(short("d/file"), ["added added", "changed changed", "removed removed"]);
  assert.deepEqual(short("d"), ["added added", "changed changed", "removed changed"]);
  assert.deepEqual(short("never"), []);
  assert.throws(() => short("d/../d"), withCode("invalid_argument"));
});

describe("without restoring", () => {
  test("directories and entries are listed", (t) => {
    const { engine, source } = makeStore(t);
    mkdirSync(`${source}/d`);
    writeFileSync(Buffer.from(`${source}/d/\xff`, "latin1"), "raw");
    symlinkSync("d", `${source}/link`);
    engine.directories.snapshot({}, source, { name: "s" });
    const names = (path: string): string[] | undefined =>
      engine.history
        .list({}, null, "s", Buffer.from(path))
        .entries?.map(({ name }) => Buffer.from(name).toString("latin1"));
    assert.deepEqual(names(""), ["d", "link"]);
    assert.deepEqual(names("d"), ["\xff"]);
    assert.equal(names("link"), undefined);
    const raw = engine.history.list({}, null, "s", Buffer.from("d/\xff", "latin1")).entry;
    assert.deepEqual([raw.type, raw.sizeBytes], ["file", 3]);
    // A symlink is not followed.
    assert.throws(() => names("link/x"), withCode("path_not_found"));
    assert.throws(() => names("d/none"), withCode("path_not_found"));
    for (const bad of ["/d", "d/", ".", "a//b", "a\0"]) {
      assert.throws(() => names(bad), withCode("invalid_argument"), JSON.stringify(bad));
    }
  });

  test("any range of a file is read, with zeros for holes", (t) => {
    const { engine, source } = makeStore(t);
    const random = new Random(seedOfRun());
    const sizeBytes = 3_000_000;
    const content = Buffer.alloc(sizeBytes);
    const fd = openSync(`${source}/sparse`, "w");
    for (const at of [0, 1_000_000, 2_500_000]) {
      const bytes = random.bytes(300_000);
      bytes.copy(content, at);
      writeSync(fd, bytes, 0, bytes.length, at);
    }
    ftruncateSync(fd, sizeBytes);
    closeSync(fd);
    writeFileSync(`${source}/empty`, "");
    engine.directories.snapshot({}, source, { name: "s" });
    const read = (path: string, { offset = 0, length = Infinity }): Buffer => {
      const stream = engine.history.openRead({}, null, "s", Buffer.from(path), { offset, length });
      const pieces: Buffer[] = [];
      for (
        let next = engine.streams.next({}, stream);
        next !== null;
        next = engine.streams.next({}, stream)
      ) {
        pieces.push(next.piece as Buffer);
      }
      return Buffer.concat(pieces);
    };
    assert.ok(read("sparse", {}).equals(content));
    for (let n = 0; n < 20; n++) {
      const offset = random.below(sizeBytes + 1000);
      const length = random.below(600_000);
      const found = read("sparse", { offset, length });
      assert.ok(
        found.equals(content.subarray(offset, offset + length)),
        `${offset}+${length} seed ${random.seed}`,
      );
    }
    assert.equal(read("empty", {}).length, 0);
    assert.throws(() => read("", {}), withCode("invalid_argument"));
    assert.throws(() => read("sparse", { offset: -1 }), withCode("invalid_argument"));
  });
});

test("a file whose list lies about a chunk is not handed out", (t) => {
  const { root, again } = makeStore(t);
  forgeLongChunk(root, "forged");
  const engine = again();
  const stream = engine.history.openRead({}, null, "forged", Buffer.from("f"), { offset: 0, length: 9 });
  assert.throws(
    () => engine.streams.next({}, stream),
    withCode("corrupt", /another length than its list says/),
  );
});
