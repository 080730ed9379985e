import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { before, after, describe, test } from "node:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { Engine } from "../../src/engine/engine.js";
import { unsyncedFiles } from "../platform/faulty-files.js";
import { makeNastyTree, manifest, rsyncDifferences } from "./nasty-tree.js";

const withoutRsync = spawnSync("rsync", ["--version"]).error !== undefined && "rsync is not installed";

describe("a nasty tree", { skip: withoutRsync }, () => {
  let place: string;
  let source: string;
  let engine: Engine;
  let tree: string;

  before(() => {
    place = mkdtempSync(`${tmpdir()}/chaser-nasty-`);
    source = `${place}/source`;
    makeNastyTree(source, `${place}/outside`);
    engine = Engine.open(unsyncedFiles, `${place}/store`, { create: true });
    const { snapshot, problems } = engine.directories.snapshot({}, source, { name: "nasty" });
    tree = snapshot.tree;
    assert.deepEqual(problems, []);
  });

  after(() => {
    engine.close();
    execFileSync("chmod", ["-R", "u+rwX", place], { stdio: "ignore" });
    rmSync(place, { recursive: true });
  });

  const restore = (target: string, options = {}) => {
    const result = engine.directories.restore({}, "nasty", target, options);
    assert.deepEqual(
      result.problems.map(({ path, code }) => `${Buffer.from(path).toString()} ${code}`),
      [],
    );
    return result;
  };

  test("is restored the same, down to nanoseconds, blocks and links", () => {
    restore(`${place}/restored`);
    assert.deepEqual(rsyncDifferences(source, `${place}/restored`), []);
    assert.deepEqual(
      manifest(`${place}/restored`),
      // The link outside is not in the tree: there the file has one link.
      manifest(source).map((line) => line.replace(/^(linked-outside .*) 2 $/, "$1 1 ")),
    );
  });

  test("has the same id when the restored tree is snapshotted", () => {
    assert.equal(engine.directories.snapshot({}, `${place}/restored`, { name: "again" }).snapshot.tree, tree);
  });

  test("is left alone by a second restore", () => {
    const { created, changed, deleted, writtenBytes } = restore(`${place}/restored`, { delete: true });
    assert.deepEqual(
      { created, changed, deleted, writtenBytes },
      { created: 0, changed: 0, deleted: 0, writtenBytes: 0 },
    );
    assert.deepEqual(rsyncDifferences(source, `${place}/restored`), []);
  });

  test("costs what was changed when it is restored over itself, and a dry run says so before", () => {
    const target = `${place}/restored`;
    writeFileSync(`${target}/one-chunk`, "changed");
    unlinkSync(`${target}/hard-b`);
    unlinkSync(`${target}/to-file`);
    mkdirSync(`${target}/to-file`);
    writeFileSync(`${target}/to-file/inside`, "x");
    mkdirSync(`${target}/added`);
    writeFileSync(`${target}/added/file`, "y");
    chmodSync(`${target}/sticky`, 0o700);
    // The same size and time with other content.
    const { mtime, atime } = statSync(`${target}/setgid`);
    writeFileSync(`${target}/setgid`, "SETGID");
    chmodSync(`${target}/setgid`, 0o2711);
    utimesSync(`${target}/setgid`, atime, mtime);

    const before = manifest(target);
    const dry = restore(target, { delete: true, dryRun: true });
    assert.deepEqual(manifest(target), before);
    const real = restore(target, { delete: true });
    const counts = ({ created, changed, deleted, unchanged }: typeof dry) => ({
      created,
      changed,
      deleted,
      unchanged,
    });
    assert.deepEqual(counts(dry), counts(real));
    assert.equal(real.created, 1);
    assert.equal(real.deleted, 2);
    assert.ok(real.writtenBytes < 70_000, `${real.writtenBytes} bytes written`);
    assert.deepEqual(rsyncDifferences(source, target), []);
  });

  test("gives single paths, with the directories above as they were", () => {
    const target = `${place}/part`;
    restore(target, {
      paths: [Buffer.from("directory/hard-c"), Buffer.from("read-only"), Buffer.from("to-etc")],
    });
    const found = manifest(target).map((line) => line.split(" ")[0]);
    assert.deepEqual(found, ["", "", "directory", "directory/hard-c", "read-only", "read-only/x", "to-etc"]);
    const line = (lines: string[], name: string) => lines.find((each) => each.startsWith(`${name} `));
    for (const name of ["directory", "read-only", "read-only/x", "to-etc"]) {
      assert.equal(line(manifest(target), name), line(manifest(source), name));
    }
  });

  test("leaves without delete what the snapshot does not have", () => {
    const target = `${place}/restored`;
    writeFileSync(`${target}/extra`, "mine");
    restore(target);
    assert.equal(readFileSync(`${target}/extra`, "utf8"), "mine");
    rmSync(`${target}/extra`);
  });
});
