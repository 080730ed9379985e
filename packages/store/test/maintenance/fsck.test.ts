import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { FsckFinding } from "../../src/api.js";
import { Random } from "../random.js";
import { withFlip } from "../pack/made-pack.js";
import { makeStore } from "../snapshot/made-store.js";

/** Two snapshots, `hurt` and `whole`, that share nothing but the directory's shape. */
function makeDamageable(t: TestContext) {
  const made = makeStore(t);
  const { engine, root, source } = made;
  const random = new Random(1);
  const filesOf = (directory: string) =>
    readdirSync(`${root}/${directory}`).map((name) => `${root}/${directory}/${name}`);
  writeFileSync(`${source}/file`, random.bytes(30_000));
  engine.directories.snapshot({}, source, { name: "hurt" });
  const [dataPack] = filesOf("packs").filter((path) => readFileSync(path).length > 30_000);
  const treePack = filesOf("packs").find((path) => path !== dataPack);
  const ref = filesOf("refs/snapshots")[0];
  const record = filesOf("snapshots")[0];
  writeFileSync(`${source}/file`, random.bytes(30_000));
  engine.directories.snapshot({}, source, { name: "whole" });
  const check = (): FsckFinding[] => made.again().upkeep.fsck({}, { readData: true }).findings;
  return { ...made, check, dataPack, treePack, ref, record } as Record<
    "dataPack" | "treePack" | "ref" | "record",
    string
  > &
    typeof made & { check: () => FsckFinding[] };
}

const codes = (found: FsckFinding[]): string[] => [...new Set(found.map(({ code }) => code))].sort();
const hurt = (found: FsckFinding[]): string[] => [...new Set(found.flatMap(({ snapshots }) => snapshots))];
const pathsNamed = (found: FsckFinding[]): string[] =>
  found.filter(({ code }) => code === "tree_damaged").map(({ object }) => object);

describe("a check finds", () => {
  test("nothing in a whole store, and says what it looked at", (t) => {
    const { engine } = makeDamageable(t);
    const report = engine.upkeep.fsck({}, { readData: true });
    assert.deepEqual(report.findings, []);
    assert.equal(report.ok, true);
    assert.equal(report.checkedSnapshots, 2);
    assert.ok(report.checkedPacks >= 4 && report.checkedChunks >= 6);
  });

  test("files that have become longer than memory, and reads none of them into it", (t) => {
    const { engine, check, root, record, ref } = makeDamageable(t);
    engine.disks.create({}, { id: "long" });
    for (const path of [record, ref, `${root}/disks/long/disk.json`]) {
      const { size } = statSync(path);
      // Sparse: they take no space.
      truncateSync(path, 20 * 2 ** 30);
      const expected = path === record ? "record_unreadable" : path === ref ? "ref_damaged" : "disk_damaged";
      assert.ok(codes(check()).includes(expected), `${path}: ${codes(check()).join(", ")}`);
      truncateSync(path, size);
    }
    assert.deepEqual(check(), []);
  });

  test("a flipped byte of content, with the file and the snapshot it belongs to", (t) => {
    const { check, dataPack } = makeDamageable(t);
    withFlip(dataPack, 5000, 1, () => {
      const found = check();
      assert.deepEqual(codes(found), ["frame_damaged", "tree_damaged"]);
      assert.deepEqual(hurt(found), ["hurt"]);
      assert.deepEqual(pathsNamed(found), ["file"]);
    });
  });

  test("a pack that is cut short", (t) => {
    const { check, dataPack } = makeDamageable(t);
    truncateSync(dataPack, 20_000);
    const found = check();
    assert.ok(codes(found).includes("pack_damaged"));
    assert.deepEqual(hurt(found), ["hurt"]);
  });

  test("a pack that is missing", (t) => {
    const { check, dataPack } = makeDamageable(t);
    rmSync(dataPack);
    const found = check();
    assert.ok(codes(found).includes("pack_missing"));
    assert.deepEqual(hurt(found), ["hurt"]);
    assert.deepEqual(pathsNamed(found), ["file"]);
  });

  test("a missing pack of tree nodes", (t) => {
    const { check, treePack } = makeDamageable(t);
    rmSync(treePack);
    assert.deepEqual(hurt(check()), ["hurt"]);
  });

  test("a damaged index, although reading goes on without it", (t) => {
    const { check, again, root, place } = makeDamageable(t);
    for (const name of readdirSync(`${root}/index`)) {
      const path = `${root}/index/${name}`;
      const bytes = readFileSync(path);
      bytes[30] = (bytes[30] as number) ^ 1;
      writeFileSync(path, bytes);
    }
    assert.deepEqual(codes(check()), ["index_damaged"]);
    again().directories.restore({}, "hurt", `${place}/restored`, {});
  });

  test("a missing or damaged record", (t) => {
    const { check, record } = makeDamageable(t);
    withFlip(record, 20, 1, () => assert.deepEqual(codes(check()), ["record_unreadable"]));
    rmSync(record);
    assert.deepEqual(codes(check()), ["record_missing"]);
  });

  test("a ref that holds no id, or that of another snapshot", (t) => {
    const { check, ref, root } = makeDamageable(t);
    const right = readFileSync(ref);
    writeFileSync(ref, "garbage");
    assert.deepEqual(codes(check()), ["ref_damaged"]);
    const other = readdirSync(`${root}/snapshots`).find((id) => !right.includes(id));
    writeFileSync(ref, `${other}\n`);
    assert.deepEqual(codes(check()), ["ref_damaged"]);
  });
});
