import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { SnapshotId } from "../../src/ids.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { refFile, Refs } from "../../src/snapshot/refs.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

const id = (digit: string): SnapshotId => digit.repeat(64) as SnapshotId;

function makeRefs(t: TestContext): { refs: Refs; directory: string } {
  const directory = temporaryDirectory(t);
  for (const name of ["refs/snapshots", "refs/disks"]) mkdirSync(`${directory}/${name}`, { recursive: true });
  return {
    refs: new Refs(linuxFiles, `${directory}/refs`, `${directory}/lock`),
    directory: `${directory}/refs`,
  };
}

describe("a ref", () => {
  test("changes only from what the caller saw", (t) => {
    const { refs } = makeRefs(t);
    refs.swap(null, "name", null, id("a"));
    assert.equal(refs.read(null, "name"), id("a"));
    assert.throws(() => refs.swap(null, "name", null, id("b")), withCode("ref_conflict"));
    assert.throws(() => refs.swap(null, "name", id("c"), null), withCode("ref_conflict"));
    refs.swap(null, "name", id("a"), id("b"));
    refs.swap(null, "name", id("b"), null);
    assert.equal(refs.read(null, "name"), null);
  });

  test("is one whatever the case and the form of its name", (t) => {
    const { refs } = makeRefs(t);
    refs.swap(null, "Grüße", null, id("a"));
    assert.equal(refs.read(null, "GRÜßE"), id("a"));
    assert.equal(refs.read(null, "gru\u0308ße"), id("a"));
    assert.equal(refs.read(null, "Gruße"), null);
  });

  test("may have any name, also one that is a path", (t) => {
    const { refs, directory } = makeRefs(t);
    for (const name of ["../../escape", "/", ".", "a\0b", "x".repeat(1000)]) {
      refs.swap(null, name, null, id("a"));
      assert.equal(refs.read(null, name), id("a"));
      assert.match(refFile(name), /^[0-9a-f]{32}$/);
    }
    assert.equal(refs.list(null).length, 5);
    assert.ok(directory.length > 0);
  });

  test("of one scope is not seen in another, and goes with its scope", (t) => {
    const { refs, directory } = makeRefs(t);
    refs.swap("disk", "name", null, id("a"));
    assert.equal(refs.read(null, "name"), null);
    assert.deepEqual(refs.scopes(), [null, "disk"]);
    writeFileSync(`${directory}/disks/disk/.tmp-left-by-a-crash`, "");
    refs.dropScope("disk");
    refs.dropScope("disk");
    assert.deepEqual(refs.scopes(), [null]);
  });

  test("that holds no id is corrupt", (t) => {
    const { refs, directory } = makeRefs(t);
    for (const text of ["", "abc\n", id("a"), `${id("A")}\n`, `${id("a")}\n\n`]) {
      writeFileSync(`${directory}/snapshots/${refFile("name")}`, text);
      assert.throws(() => refs.read(null, "name"), withCode("corrupt"));
    }
  });
});
