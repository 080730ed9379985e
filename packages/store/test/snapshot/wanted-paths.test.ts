import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { Engine } from "../../src/engine/engine.js";
import { withCode } from "../errors.js";
import { makeStore } from "./made-store.js";

const bytes = (path: string): Buffer => Buffer.from(path);

describe("restoring paths that lead to nothing", () => {
  function makeRestored(t: TestContext) {
    const { engine, source } = makeStore(t);
    mkdirSync(`${source}/directory`);
    writeFileSync(`${source}/directory/file`, "as it was");
    engine.directories.snapshot({}, source, { name: "old" });
    writeFileSync(`${source}/directory/file`, "changed");
    writeFileSync(`${source}/directory/added`, "");
    const restore = (paths: string[], options: { delete?: boolean; dryRun?: boolean } = {}) =>
      engine.directories.restore({}, "old", source, { ...options, paths: paths.map(bytes) });
    return { source, restore };
  }

  test("is refused before anything is changed, also when it is only asked for", (t) => {
    const { source, restore } = makeRestored(t);
    for (const wrong of ["none", "directory/none", "directory/file/below", "directory/added"]) {
      for (const dryRun of [false, true]) {
        assert.throws(
          () => restore(["directory/file", wrong], { dryRun }),
          withCode("path_not_found"),
          wrong,
        );
      }
    }
    assert.equal(readFileSync(`${source}/directory/file`, "utf8"), "changed");
    assert.throws(() => restore(["/directory"]), withCode("invalid_argument"));
    assert.throws(() => restore(["directory/../directory"]), withCode("invalid_argument"));
  });

  test("is right where the target has it, and it is to be removed", (t) => {
    const { source, restore } = makeRestored(t);
    assert.equal(restore(["directory/added"], { delete: true }).deleted, 1);
    assert.ok(!existsSync(`${source}/directory/added`));
    assert.throws(() => restore(["directory/added"], { delete: true }), withCode("path_not_found"));
    rmSync(`${source}/directory`, { recursive: true });
    assert.equal(restore(["directory/file"]).created, 2);
  });

  test("leaves no target behind that was made for it", (t) => {
    const { engine, source } = makeStore(t);
    writeFileSync(`${source}/file`, "");
    engine.directories.snapshot({}, source, { name: "old" });
    const target = `${source}-restored`;
    t.after(() => rmSync(target, { recursive: true, force: true }));
    const restore = (path: string) => engine.directories.restore({}, "old", target, { paths: [bytes(path)] });
    assert.throws(() => restore("none"), withCode("path_not_found"));
    assert.ok(!existsSync(target));
    mkdirSync(target);
    assert.throws(() => restore("none"), withCode("path_not_found"));
    assert.ok(existsSync(target), "which was there before");
    assert.equal(restore("file").created, 1);
  });

  for (const driver of ["directory", "overlay"] as const) {
    test(`is refused for a disk, unless it stands there (${driver})`, (t) => {
      const { engine } = makeStore(t);
      engine.disks.create({}, { id: "disk", driver });
      engine.disks.snapshot({}, "disk", { name: "empty" });
      writeOn(engine, "file");
      const restore = (path: string, dryRun = false) =>
        engine.disks.restore({}, "disk", "empty", { paths: [bytes(path)], dryRun });
      assert.throws(() => restore("none", true), withCode("path_not_found"));
      assert.throws(() => restore("none"), withCode("path_not_found"));
      assert.equal(restore("file").deleted, 1);
      assert.throws(() => restore("file"), withCode("path_not_found"));
    });
  }
});

/** As a process on the mounted disk would. */
function writeOn(engine: Engine, name: string): void {
  const mount = engine.disks.attach({}, "disk");
  writeFileSync(`${mount.driver === "overlay" ? mount.upper : mount.path}/${name}`, "");
  engine.disks.detach({}, "disk");
}
