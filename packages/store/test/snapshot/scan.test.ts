import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { treeDepthMax } from "../../src/limits.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { owners } from "../../src/snapshot/owners.js";
import { Repository } from "../../src/snapshot/repository.js";
import { scan } from "../../src/snapshot/scan.js";
import { Work } from "../../src/snapshot/work.js";
import { readDirectory } from "../../src/tree/directory.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";
import { MemoryObjects } from "../tree/memory-objects.js";

test("progress counts the bytes that were found stored, whether they were read again or not", (t) => {
  const place = temporaryDirectory(t);
  mkdirSync(`${place}/first`);
  writeFileSync(`${place}/first/small`, "five!");
  writeFileSync(`${place}/first/large`, Buffer.alloc(200_000, 7));
  cpSync(`${place}/first`, `${place}/second`, { recursive: true });
  const engine = Engine.open(linuxFiles, `${place}/store`, { create: true });
  t.after(() => engine.close());
  engine.directories.snapshot({}, `${place}/first`, { name: "first" });

  const repository = Repository.open(linuxFiles, `${place}/store`);
  t.after(() => repository.close());
  const work = new Work("scan");
  const source = linuxFiles.open(anywhere, `${place}/second`, { directory: true });
  t.after(() => linuxFiles.close(source));
  scan(linuxFiles, repository.chunks.writer(), source, { owners: owners(), work });
  assert.equal(work.progress.bytes, 200_005);
  assert.equal(work.progress.deduplicatedBytes, 200_005);
});

test("directories without end are given up at the limit, and every one is closed", (t) => {
  const source = temporaryDirectory(t);
  mkdirSync(`${source}/again`);
  let open = 0;
  const files: Files = {
    ...linuxFiles,
    open(directory, _name, options) {
      open += 1;
      assert.ok(open <= treeDepthMax + 1, "one more than the limit allows is open");
      return linuxFiles.open(directory, ".", options);
    },
    close(fd) {
      open -= 1;
      linuxFiles.close(fd);
    },
  };
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  assert.throws(
    () => scan(files, new MemoryObjects(), fd, { owners: owners(), work: new Work("scan") }),
    withCode("too_large", /deeper than 2000/),
  );
  assert.equal(open, 0);
});

test("an entry that is listed twice, as while it is replaced, is stored once", (t) => {
  const source = temporaryDirectory(t);
  for (const name of ["a", "b", "c"]) writeFileSync(`${source}/${name}`, name);
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  const treeOf = (files: Files): Buffer => {
    const objects = new MemoryObjects();
    const { root } = scan(files, objects, fd, { owners: owners(), work: new Work("scan") });
    assert.equal(readDirectory(objects, root.id).length, 3);
    return root.id;
  };
  const list: Files["list"] = (directory) => {
    const listed = linuxFiles.list(directory);
    return [...listed, ...listed.filter(({ key }) => key === "b")];
  };
  assert.deepEqual(treeOf({ ...linuxFiles, list }), treeOf(linuxFiles));
});

test("a sparse file of more bytes than are counted is refused by its name", (t) => {
  if (!existsSync("/dev/shm")) return t.skip("needs a tmpfs filesystem at /dev/shm");
  const source = mkdtempSync("/dev/shm/chaser-scan-");
  t.after(() => rmSync(source, { recursive: true }));
  const scanned = (): unknown => {
    const directory = linuxFiles.open(anywhere, source, { directory: true });
    try {
      return scan(linuxFiles, new MemoryObjects(), directory, { owners: owners(), work: new Work("scan") });
    } finally {
      linuxFiles.close(directory);
    }
  };
  execFileSync("truncate", ["--size", "5P", `${source}/one`, `${source}/two`]);
  assert.throws(scanned, withCode("too_large", /files together have more than/));
  execFileSync("truncate", ["--size", "9P", `${source}/two`]);
  assert.throws(scanned, withCode("too_large", /"two" has more than/));
});
