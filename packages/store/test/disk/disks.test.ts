import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { withCode } from "../errors.js";
import { spawnSync } from "node:child_process";
import { allocatedUnder } from "../../src/platform/allocated.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { measureStore } from "../../src/maintenance/store-bytes.js";
import { checkStore } from "../../src/maintenance/fsck.js";
import { withDirectory } from "../../src/platform/durable.js";
import { owners } from "../../src/snapshot/owners.js";
import { scan } from "../../src/snapshot/scan.js";
import { Work } from "../../src/snapshot/work.js";
import { HashingWriter } from "../../src/tree/hashing-writer.js";
import {
  copyOf,
  isRoot,
  manifestOf,
  newBench,
  noOverlay,
  noRsync,
  onDisk,
  openBench,
  withoutSyncs,
} from "./mounted.js";

const skip = noOverlay;

void test("bad ids, names that exist, and disks that do not are refused", (t) => {
  const { disks } = newBench(t);
  disks.create({ id: "one" });
  for (const id of ["", "-a", "A", "a/b", "..", ".tmp-x", "a".repeat(65), "ä"]) {
    assert.throws(() => disks.create({ id }), withCode("invalid_argument"));
    assert.throws(() => disks.get(id), withCode("invalid_argument"));
    assert.throws(() => disks.attach(id), withCode("invalid_argument"));
  }
  assert.throws(() => disks.create({ id: "one" }), withCode("disk_exists"));
  assert.throws(() => disks.clone("one", { id: "one" }), withCode("disk_exists"));
  assert.throws(() => disks.get("two"), withCode("disk_not_found"));
  assert.throws(() => disks.delete("two"), withCode("disk_not_found"));
  assert.throws(() => disks.clone("two", { id: "three" }), withCode("disk_not_found"));
  assert.throws(() => disks.restore("one", "none"), withCode("snapshot_not_found"));
  assert.throws(() => disks.clone("one", { id: "three", snapshot: "none" }), withCode("snapshot_not_found"));
  for (const path of ["", "/etc", "a/../b", "a//b", "."]) {
    assert.throws(
      () => disks.create({ id: "three", directories: [{ path, mode: 0o755 }] }),
      withCode("invalid_argument"),
    );
  }
  assert.deepEqual(
    disks.list().map((disk) => disk.id),
    ["one"],
  );
});

void test("an attached disk is in use until it is detached", (t) => {
  const { disks } = newBench(t);
  disks.create({ id: "one" });
  disks.attach("one");
  assert.equal(disks.get("one").attached, true);
  assert.throws(() => disks.attach("one"), withCode("disk_in_use"));
  assert.throws(() => disks.clone("one", { id: "two" }), withCode("disk_in_use"));
  assert.throws(() => disks.snapshot("one"), withCode("disk_in_use"));
  assert.throws(() => disks.restore("one", "none"), withCode("disk_in_use"));
  assert.throws(() => disks.delete("one"), withCode("disk_in_use"));
  disks.detach("one");
  disks.detach("one");
  assert.throws(() => disks.snapshot("one", { live: true }), withCode("invalid_argument"));
  disks.clone("one", { id: "two" });
});

void test("the tree of a stack is the tree of the same files scanned anew", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  for (let n = 0; n < 6; n++) {
    onDisk(
      bench,
      "one",
      `mkdir -p d${n % 3}; echo ${n} >d${n % 3}/f${n}; rm -f d${(n + 1) % 3}/f${n - 2}; chmod 7${n}0 d${n % 3}`,
    );
    bench.disks.snapshot("one", { name: `s${n}` });
  }
  const { tree } = bench.disks.snapshot("one", { name: "last" }).snapshot;
  for (const layer of fs.readdirSync(`${bench.root}/layers`)) {
    fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
  }
  assert.equal(bench.disks.snapshot("one", { name: "anew" }).snapshot.tree, tree);
});

void test("usage counts what deleting a disk would free", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "head -c 1000000 /dev/urandom >big");
  bench.disks.clone("one", { id: "two" });
  onDisk(bench, "two", "head -c 300000 /dev/urandom >more");
  const usage = bench.disks.usage("two");
  assert.ok(usage.referencedBytes > 1_300_000);
  assert.ok(usage.exclusiveBytes > 300_000 && usage.exclusiveBytes < 400_000);
  assert.equal(bench.disks.delete("two").freedBytes, usage.exclusiveBytes);
  const { exclusiveBytes, referencedBytes } = bench.disks.usage("one");
  assert.equal(exclusiveBytes, referencedBytes);
});

void test("a disk is durably gone before its bytes are, which count until they are removed", (t) => {
  const first = newBench(t);
  first.disks.create({ id: "one", driver: "directory" });
  const mount = first.disks.attach("one");
  assert.equal(mount.driver, "directory");
  fs.writeFileSync(`${mount.path}/large`, Buffer.alloc(1 << 20, "content"));
  first.disks.detach("one");
  first.disks.snapshot("one", { name: "kept" });
  const steps: string[] = [];
  const dying: Files = {
    ...linuxFiles,
    rename: (from, name, to, as) => {
      if (String(as).includes("/trash/")) steps.push("renamed away");
      linuxFiles.rename(from, name, to, as);
    },
    sync: (fd) => {
      if (steps.length > 0) steps.push("synced");
      linuxFiles.sync(fd);
    },
    unlink: (directory, name) => {
      if (String(name) === "large") throw new Error("killed");
      linuxFiles.unlink(directory, name);
    },
  };
  const { disks, repository } = openBench(first.root, dying);
  assert.throws(() => disks.delete("one"), /killed/);
  disks.close();
  repository.close();
  assert.deepEqual(steps.slice(0, 3), ["renamed away", "synced", "synced"]);

  const later = openBench(first.root);
  assert.throws(() => later.disks.get("one"), withCode("disk_not_found"));
  assert.deepEqual(later.repository.allSnapshots(), []);
  const bytes = measureStore(later.repository, later.disks);
  assert.equal(bytes.onDiskBytes, allocatedUnder(linuxFiles, first.root));
  assert.ok(bytes.overheadBytes > 1 << 20);
  const { freedBytes } = later.disks.sweepLayers();
  assert.ok(freedBytes >= 1 << 20);
  assert.deepEqual(fs.readdirSync(`${first.root}/trash`), []);
  assert.equal(
    measureStore(later.repository, later.disks).onDiskBytes,
    allocatedUnder(linuxFiles, first.root),
  );
  later.repository.close();
});

const trustedSkip = isRoot ? skip : "needs root to set such attributes";

void test(
  "attributes that mark a mount of root's hide and reveal nothing, and are kept",
  { skip: trustedSkip },
  (t) => {
    const bench = newBench(t);
    const { disks } = bench;
    disks.create({ id: "one" });
    onDisk(bench, "one", "mkdir d; echo lower >d/f; echo file >plain");
    disks.snapshot("one", { name: "below" });
    // As an upper may be that root copied from elsewhere: marks as overlayfs makes them without `userxattr`.
    const mount = disks.attach("one");
    assert.equal(mount.driver, "overlay");
    const set = (path: string, ...marks: string[]): void => {
      for (const mark of marks) {
        const [name = "", value = ""] = mark.split("=");
        const { status, stderr } = spawnSync("setfattr", ["-n", name, "-v", value, path], {
          encoding: "utf8",
        });
        assert.equal(status, 0, stderr);
      }
    };
    fs.mkdirSync(`${mount.upper}/d`);
    fs.writeFileSync(`${mount.upper}/plain`, "changed\n");
    set(`${mount.upper}/d`, "trusted.overlay.opaque=y", "trusted.overlay.redirect=/plain");
    set(`${mount.upper}/plain`, "trusted.overlay.metacopy=0x00", "trusted.overlay.whiteout=y");
    disks.detach("one");
    const shows = (id: string): string => onDisk(bench, id, "cat d/f plain");
    assert.equal(shows("one"), "lower\nchanged\n");
    disks.snapshot("one", { name: "marked" });

    // Through the tree: into a layer and into plain files.
    const shown = manifestOf(bench, "one");
    disks.clone("one", { id: "copy", snapshot: "marked" });
    assert.equal(manifestOf(bench, "copy"), shown);
    disks.restore("one", "below");
    disks.delete("copy");
    disks.sweepLayers();
    disks.restore("one", "marked");
    assert.equal(shows("one"), "lower\nchanged\n");
    const again = disks.attach("one");
    assert.equal(again.driver, "overlay");
    const [top = ""] = again.lower;
    const kept = spawnSync("getfattr", ["-m", "-", "-d", `${again.layersDir}/${top}/d`], {
      encoding: "utf8",
    });
    assert.match(kept.stdout, /trusted\.overlay\.opaque="y"/);
    disks.detach("one");
  },
);

void test(
  "a large directory of which little changed is kept as if all of it had been",
  { skip: noOverlay || noRsync },
  (t) => {
    const bench = newBench(t, undefined, withoutSyncs);
    bench.disks.create({ id: "one" });
    // More than a leaf of a tree holds.
    onDisk(bench, "one", "mkdir d; cd d; seq -f file-%05g 3000 | xargs touch");
    bench.disks.snapshot("one", { name: "first" });
    const treeOfCopy = (): string => {
      const { repository } = bench;
      const writer = new HashingWriter(repository.chunks);
      const { tree } = withDirectory(repository.files, copyOf(bench, t, "one"), (directory) =>
        scan(repository.files, writer, directory, { owners: owners(), work: new Work("scan") }),
      );
      return tree.toString("hex");
    };
    for (const script of [
      "rm d/file-00500 d/file-03000; echo x >d/file-00700",
      "echo first >d/a; echo last >d/z; rm d/file-00900; mkdir d/file-00900; touch d/file-00900/in",
      "rm d/file-00[0-4]*",
      "touch d; mv d/file-01000 d/file-010000",
      "rm d/file-0[12]*",
      "rm -r d; mkdir d; touch d/new",
    ]) {
      onDisk(bench, "one", script);
      const { snapshot, problems } = bench.disks.snapshot("one");
      assert.deepEqual([snapshot.tree, problems], [treeOfCopy(), []], script);
    }
    assert.deepEqual(checkStore(bench.repository, new Work("check"), true).findings, []);
  },
);

void test("a disk that is deleted after it was listed is attached to nobody", (t) => {
  let isDeleted = false;
  const files: Files = {
    ...linuxFiles,
    open(directory, name, options) {
      const path = name.toString();
      if (isDeleted && options?.access === "lock" && path.includes("/disks/one/"))
        fs.rmSync(dirname(path), { recursive: true });
      return linuxFiles.open(directory, name, options);
    },
  };
  const { disks } = newBench(t, undefined, files);
  disks.create({ id: "one" });
  isDeleted = true;
  assert.deepEqual(
    disks.list().map(({ id, attached }) => ({ id, attached })),
    [{ id: "one", attached: false }],
  );
});
