/** When space is wanted, layers that are mere cache go before anything is refused. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { StoreError } from "../../src/errors.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

const MiB = 1024 * 1024;

function onDisk(directory: string): number {
  return Number(execFileSync("du", ["-s", "-B1", directory], { encoding: "utf8" }).split("\t")[0]);
}

/** Writes where overlayfs would have. */
function write(engine: Engine, id: string, content: Buffer): void {
  const mount = engine.disks.attach({}, id);
  assert.ok(mount.driver === "overlay");
  writeFileSync(`${mount.upper}/file`, content);
  engine.disks.detach({}, id);
}

const large = randomBytes(2 * MiB);

/** A store with one layer that shows the snapshot `large` and that no disk stands on. Returns its path. */
function withCache(root: string): string {
  const engine = Engine.open(linuxFiles, root, { create: true });
  engine.disks.create({}, { id: "one" });
  write(engine, "one", Buffer.from("small"));
  engine.disks.snapshot({}, "one", { name: "small" });
  const needed = readdirSync(`${root}/layers`);
  write(engine, "one", large);
  engine.disks.snapshot({}, "one", { name: "large" });
  engine.disks.restore({}, "one", "small", {});
  engine.close();
  const [cache = ""] = readdirSync(`${root}/layers`).filter((name) => !needed.includes(name));
  return `${root}/layers/${cache}`;
}

function open(t: TestContext, root: string, files: Files, capBytes?: number): Engine {
  const engine = Engine.open(files, root, { create: false, ...(capBytes === undefined ? {} : { capBytes }) });
  t.after(() => engine.close());
  return engine;
}

test("near the cap of a store, layers that are cache make room, and are built again when they are wanted", (t) => {
  const root = `${temporaryDirectory(t)}/store`;
  const cache = withCache(root);
  const engine = open(t, root, linuxFiles, onDisk(root) + MiB);
  write(engine, "one", randomBytes(MiB / 2));
  assert.ok(existsSync(cache));
  engine.run({}, "disks.snapshot", ["one", { name: "wants room" }]);
  assert.ok(!existsSync(cache));
  engine.close();
  const { writtenBytes } = open(t, root, linuxFiles).disks.restore({}, "one", "large", {});
  assert.equal(writtenBytes, large.length);
});

test("what does not fit then either is refused, and a store without cache is no smaller for it", (t) => {
  const root = `${temporaryDirectory(t)}/store`;
  withCache(root);
  const engine = open(t, root, linuxFiles, onDisk(root) + MiB);
  write(engine, "one", randomBytes(4 * MiB));
  const refused = (): void =>
    assert.throws(
      () => engine.run({}, "disks.snapshot", ["one", { name: "too much" }]),
      withCode("quota_exceeded"),
    );
  refused();
  const before = onDisk(root);
  refused();
  assert.equal(onDisk(root), before);
  assert.deepEqual(
    engine.disks.snapshots({}, "one").map(({ name }) => name),
    ["large", "small"],
  );
});

test("a full filesystem makes the cache go, too", (t) => {
  const root = `${temporaryDirectory(t)}/store`;
  const cache = withCache(root);
  const full: Files = {
    ...linuxFiles,
    write: (fd, buffer, position) => {
      if (existsSync(cache)) throw new StoreError("no_space", "write: ENOSPC", { data: { errno: "ENOSPC" } });
      linuxFiles.write(fd, buffer, position);
    },
  };
  const engine = open(t, root, full);
  engine.run({}, "disks.create", [{ id: "two" }]);
  assert.ok(!existsSync(cache));
  assert.deepEqual(
    engine.disks.list({}).map(({ id }) => id),
    ["one", "two"],
  );
});
