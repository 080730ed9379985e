import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { Problem } from "../../src/api.js";
import { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import { anywhere, type Fd, type Files, type Name, type Stat } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { writeDirectory } from "../../src/tree/directory.js";
import type { TreeEntry } from "../../src/tree/entry.js";
import { withCode } from "../errors.js";
import { forgeLongChunk, forgeSnapshot, rootOf } from "../maintenance/forged.js";
import { stateCheckBy } from "../platform/state-check.js";
import { Random, seedOfRun } from "../random.js";
import { plainMetadata } from "../tree/plain-metadata.js";
import { makeStore } from "./made-store.js";
import { manifest } from "./nasty-tree.js";

const time = new Date("2024-05-06T07:08:09.123Z");

/** A file of the size and time that all have here, so that only a closer look tells two of them apart. */
function write(path: string, content: string): void {
  writeFileSync(path, content.padEnd(100, "."));
  utimesSync(path, time, time);
}

/** Files that last changed long before they did, so that no test has to wait; counts how often content is read. */
class OldFiles {
  contentReads = 0;
  readonly files: Files = {
    ...linuxFiles,
    stat: oldStat,
    statOpen: oldStatOpen,
    stateCheck: stateCheckBy({ stat: oldStat, statOpen: oldStatOpen }),
    read: (fd, buffer, position) => {
      if (buffer.length === 100) this.contentReads += 1;
      return linuxFiles.read(fd, buffer, position);
    },
  };
}

function oldStat(directory: Fd, name: Name): Stat {
  return older(linuxFiles.stat(directory, name));
}

function oldStatOpen(fd: Fd): Stat {
  return older(linuxFiles.statOpen(fd));
}

function older(stat: Stat): Stat {
  return { ...stat, inode: stat.inode, device: stat.device, ctimeSeconds: stat.ctimeSeconds - 3600 };
}

describe("a directory that is restored over the last walk of it", () => {
  function makeWalked(t: TestContext) {
    const { root, source } = makeStore(t);
    const old = new OldFiles();
    const engine = Engine.open(old.files, root, { create: false });
    t.after(() => engine.close());
    mkdirSync(`${source}/a`);
    for (const name of ["a/one", "a/two", "three"]) write(`${source}/${name}`, `first ${name}`);
    engine.directories.snapshot({}, source, { name: "first" });
    const restore = (snapshot: string) => {
      old.contentReads = 0;
      const { changed, unchanged } = engine.directories.restore({}, snapshot, source, {});
      return { changed, unchanged, contentReads: old.contentReads };
    };
    return { source, engine, restore };
  }

  test("is not read where nothing changed", (t) => {
    const { restore } = makeWalked(t);
    assert.deepEqual(restore("first"), { changed: 0, unchanged: 4, contentReads: 0 });
  });

  test("is read where size and time are the same and something did change", (t) => {
    const { source, restore } = makeWalked(t);
    write(`${source}/a/two`, "other");
    assert.deepEqual(restore("first"), { changed: 1, unchanged: 3, contentReads: 1 });
    assert.match(readFileSync(`${source}/a/two`, "latin1"), /^first a\/two\.+$/);
  });

  test("is not read, and written, where the walk saw something else than is wanted", (t) => {
    const { source, engine, restore } = makeWalked(t);
    write(`${source}/a/two`, "second");
    engine.directories.snapshot({}, source, { name: "second" });
    assert.deepEqual(restore("first"), { changed: 1, unchanged: 3, contentReads: 0 });
    assert.match(readFileSync(`${source}/a/two`, "latin1"), /^first a\/two\.+$/);
  });

  test("is read when the snapshot of that walk is gone", (t) => {
    const { engine, source, restore } = makeWalked(t);
    engine.directories.snapshot({}, source, { name: "second" });
    engine.directories.deleteSnapshot({}, "second");
    assert.deepEqual(restore("first"), { changed: 0, unchanged: 4, contentReads: 3 });
  });
});

test("a file whose list lies about a chunk is not restored", (t) => {
  const { root, again, place } = makeStore(t);
  forgeLongChunk(root, "forged");
  assert.throws(
    () => again().directories.restore({}, "forged", `${place}/restored`, {}),
    withCode("corrupt", /another length than its list says/),
  );
});

test("a setuid bit that cannot be given is told of, as the owner is", (t) => {
  const { root, place } = makeStore(t);
  forgeSnapshot(root, "foreign", (writer) => {
    const owner = { uid: 12_345, gid: 54_321 };
    const entries = (["plain", "setuid"] as const).map((name): TreeEntry => ({
      ...plainMetadata,
      ...owner,
      type: "file",
      name: Buffer.from(name),
      mode: name === "plain" ? 0o1755 : 0o6755,
      sizeBytes: 0,
      content: null,
    }));
    const { id, sums } = writeDirectory(writer, entries);
    return rootOf(writer, id, sums);
  });
  const files: Files = {
    ...linuxFiles,
    setOwner: () => {
      throw new StoreError("permission_denied", "chown: EPERM", { data: { errno: "EPERM" } });
    },
  };
  const engine = Engine.open(files, root, { create: false });
  t.after(() => engine.close());
  const { problems } = engine.directories.restore({}, "foreign", `${place}/restored`, {});
  const told = problems
    .map(({ path, code }) => `${Buffer.from(path).toString()} ${code}`)
    .filter((line) => !line.startsWith(" "));
  assert.deepEqual(told, [
    "plain owner_not_restored",
    "setuid owner_not_restored",
    "setuid mode_not_restored",
  ]);
  assert.equal(statSync(`${place}/restored/plain`).mode & 0o7777, 0o1755);
  assert.equal(statSync(`${place}/restored/setuid`).mode & 0o7777, 0o755);
});

describe("a restore from a store in which something is damaged", () => {
  /** All is whole but `damaged`, of random bytes of which some in the middle are zero in the pack (others have frames of their own), and with which `linked` is one file. */
  function makeDamaged(t: TestContext) {
    const made = makeStore(t);
    const { root, source, engine, again, place } = made;
    const random = new Random(seedOfRun());
    const damaged = random.bytes(1_500_000);
    writeFileSync(`${source}/damaged`, damaged);
    linkSync(`${source}/damaged`, `${source}/linked`);
    mkdirSync(`${source}/below`);
    writeFileSync(`${source}/below/good`, "good");
    writeFileSync(`${source}/zero`, random.bytes(90_000));
    engine.directories.snapshot({}, source, { name: "first" });
    engine.close();
    for (const name of readdirSync(`${root}/packs`)) {
      const bytes = readFileSync(`${root}/packs/${name}`);
      const at = bytes.indexOf(damaged.subarray(750_000, 750_040));
      if (at < 0) continue;
      bytes.fill(0, at, at + 40);
      writeFileSync(`${root}/packs/${name}`, bytes);
    }
    return { ...made, engine: again(), target: `${place}/restored` };
  }

  function failsWithProblemsOf(paths: string[]): (error: unknown) => boolean {
    return (error) => {
      assert.ok(error instanceof StoreError);
      assert.equal(error.code, "corrupt");
      const problems = error.data["problems"] as Problem[];
      assert.deepEqual(
        problems.map(({ path, code }) => `${Buffer.from(path).toString()} ${code}`),
        paths.map((path) => `${path} corrupt`),
      );
      for (const path of paths) assert.ok(error.message.includes(path), error.message);
      return true;
    };
  }

  test("leaves what stands in its place, restores all else, and fails", (t) => {
    const { engine, source } = makeDamaged(t);
    for (const name of ["damaged", "linked", "zero", "below/good"]) rmSync(`${source}/${name}`);
    writeFileSync(`${source}/damaged`, "work of today");
    writeFileSync(`${source}/zero`, "changed");
    assert.throws(
      () => engine.directories.restore({}, "first", source, {}),
      failsWithProblemsOf(["damaged", "linked"]),
    );
    assert.equal(readFileSync(`${source}/damaged`, "utf8"), "work of today");
    assert.equal(statSync(`${source}/zero`).size, 90_000);
    assert.equal(readFileSync(`${source}/below/good`, "utf8"), "good");
    assert.deepEqual(readdirSync(source).sort(), ["below", "damaged", "zero"]);
  });

  test("makes no part of a file that was missing", (t) => {
    const { engine, target } = makeDamaged(t);
    assert.throws(
      () => engine.directories.restore({}, "first", target, {}),
      failsWithProblemsOf(["damaged", "linked"]),
    );
    assert.deepEqual(readdirSync(target).sort(), ["below", "zero"]);
  });
});

test("what takes the place of something else leaves nothing beside it", (t) => {
  const { engine, source } = makeStore(t);
  writeFileSync(`${source}/file`, "a file");
  linkSync(`${source}/file`, `${source}/linked`);
  symlinkSync("file", `${source}/symlink`);
  mkdirSync(`${source}/directory/below`, { recursive: true });
  const before = manifest(source);
  engine.directories.snapshot({}, source, { name: "first" });
  for (const name of readdirSync(source)) rmSync(`${source}/${name}`, { recursive: true });
  for (const name of ["file", "symlink"]) mkdirSync(`${source}/${name}/full/of`, { recursive: true });
  for (const name of ["linked", "directory"]) writeFileSync(`${source}/${name}`, "of today");
  const { problems, created, changed } = engine.directories.restore({}, "first", source, { delete: true });
  assert.deepEqual([problems, created, changed], [[], 1, 4]);
  assert.deepEqual(manifest(source), before);
});

test("files that may not be written get their attributes, each of them", (t) => {
  const { engine, source, place } = makeStore(t);
  const attribute = Buffer.from("user.kept");
  // In a directory that the restore makes, a file is given its mode when it is made.
  mkdirSync(`${source}/made`);
  for (const name of ["made/a", "made/b", "made/c"]) {
    writeFileSync(`${source}/${name}`, name);
    linuxFiles.setXattr(anywhere, `${source}/${name}`, attribute, Buffer.from(name));
    chmodSync(`${source}/${name}`, 0o444);
  }
  engine.directories.snapshot({}, source, { name: "first" });
  const { problems } = engine.directories.restore({}, "first", `${place}/restored`, {});
  assert.deepEqual(problems, []);
  for (const name of ["made/a", "made/b", "made/c"])
    assert.equal(linuxFiles.xattr(anywhere, `${place}/restored/${name}`, attribute)?.toString(), name);
});

test("what belongs to somebody else keeps mode and time, which is told, and all else is restored", (t) => {
  const { engine, source, root } = makeStore(t);
  mkdirSync(`${source}/foreign`);
  write(`${source}/foreign/file`, "first");
  engine.directories.snapshot({}, source, { name: "first" });
  engine.close();
  write(`${source}/foreign/file`, "other");
  chmodSync(`${source}/foreign`, 0o777);
  const { inode } = linuxFiles.stat(anywhere, `${source}/foreign`);
  const unlessForeign =
    <Args extends [Fd, Name | null, ...unknown[]]>(run: (...args: Args) => void) =>
    (...args: Args): void => {
      if (args[1] === null && linuxFiles.statOpen(args[0]).inode === inode)
        throw new StoreError("permission_denied", "EPERM", { data: { errno: "EPERM" } });
      run(...args);
    };
  const files: Files = {
    ...linuxFiles,
    setMode: unlessForeign(linuxFiles.setMode.bind(linuxFiles)),
    setModified: unlessForeign(linuxFiles.setModified.bind(linuxFiles)),
  };
  const again = Engine.open(files, root, { create: false });
  t.after(() => again.close());
  const { problems } = again.directories.restore({}, "first", source, {});
  assert.deepEqual(
    problems.map(({ path, code }) => `${Buffer.from(path).toString()} ${code}`),
    ["foreign mode_not_restored", "foreign time_not_restored"],
  );
  assert.match(readFileSync(`${source}/foreign/file`, "latin1"), /^first/);
});
