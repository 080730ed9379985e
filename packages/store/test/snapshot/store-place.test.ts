import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";
import { findings } from "./made-store.js";

/** A directory with a file, and a store that stands in it. */
function makeStoreInside(t: TestContext, path: string) {
  const source = `${temporaryDirectory(t)}/source`;
  const root = `${source}/${path}`;
  mkdirSync(`${root}/..`, { recursive: true });
  writeFileSync(`${source}/file`, "content");
  const engine = Engine.open(linuxFiles, root, { create: true });
  t.after(() => engine.close());
  return { source, root, engine };
}

function namesIn(engine: Engine, snapshot: string, path = ""): string[] {
  const { entries } = engine.history.list({}, null, snapshot, Buffer.from(path));
  return (entries ?? []).map(({ name }) => Buffer.from(name).toString());
}

describe("a store in the directory that it takes snapshots of", () => {
  test("is left out of them, and of comparisons", (t) => {
    const { source, engine } = makeStoreInside(t, ".store");
    const first = engine.directories.snapshot({}, source, { name: "first" });
    assert.deepEqual(namesIn(engine, "first"), ["file"]);
    assert.deepEqual(first.problems, []);
    const { stream } = engine.history.openDiff({}, "first", { directory: source }, {});
    assert.equal(engine.streams.next({}, stream), null);
    assert.equal(
      engine.directories.snapshot({}, source, { name: "second" }).snapshot.tree,
      first.snapshot.tree,
    );
  });

  test("stays when what the snapshot lacks is removed around it", (t) => {
    const { source, root, engine } = makeStoreInside(t, "below/store");
    engine.directories.snapshot({}, source, { name: "whole" });
    assert.deepEqual(namesIn(engine, "whole", "below"), []);
    const empty = `${source}/../empty`;
    mkdirSync(empty);
    engine.directories.snapshot({}, empty, { name: "empty" });

    for (const dryRun of [true, false]) {
      const { deleted, problems } = engine.directories.restore({}, "empty", source, { delete: true, dryRun });
      assert.equal(deleted, 1);
      assert.deepEqual(
        problems.map(({ code, path }) => [code, Buffer.from(path).toString()]),
        [["holds_store", "below"]],
      );
    }
    assert.ok(!existsSync(`${source}/file`));
    assert.ok(existsSync(`${root}/format.json`));
    assert.deepEqual(engine.directories.restore({}, "whole", source, { delete: true }).problems, []);
    assert.deepEqual(findings(engine), []);
  });

  test("is not replaced by what a snapshot has in its place", (t) => {
    const { source, engine } = makeStoreInside(t, "below/store");
    const other = `${source}/../other`;
    mkdirSync(`${other}/below/store/packs`, { recursive: true });
    writeFileSync(`${other}/below/store/format.json`, "not a store");
    engine.directories.snapshot({}, other, { name: "at the store" });
    const file = `${source}/../with-file`;
    mkdirSync(file);
    writeFileSync(`${file}/below`, "a file");
    engine.directories.snapshot({}, file, { name: "around it" });

    const codes = (name: string): string[] =>
      engine.directories.restore({}, name, source, {}).problems.map(({ code }) => code);
    assert.deepEqual(codes("at the store"), ["path_blocked"]);
    assert.deepEqual(codes("around it"), ["holds_store"]);
    assert.deepEqual(findings(engine), []);
  });

  test("is neither a source nor a target itself, whatever it is called", (t) => {
    const { source, root, engine } = makeStoreInside(t, "store");
    symlinkSync(root, `${source}/link`);
    engine.directories.snapshot({}, source, { name: "first" });
    for (const path of [root, `${source}/link`]) {
      assert.throws(() => engine.directories.snapshot({}, path, {}), withCode("invalid_argument"));
      assert.throws(
        () => engine.directories.restore({}, "first", path, { delete: true }),
        withCode("invalid_argument"),
      );
    }
    assert.deepEqual(findings(engine), []);
  });
});
