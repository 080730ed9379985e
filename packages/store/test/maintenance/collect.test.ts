import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Random, seedOfRun } from "../random.js";
import { duWithoutCaches, findings, makeStore, type MadeStore } from "../snapshot/made-store.js";

/** Small incompressible files, so that each has its share of a pack. */
function writeFiles(directory: string, random: Random, names: string[], bytes = 40_000): void {
  mkdirSync(directory, { recursive: true });
  for (const name of names) writeFileSync(`${directory}/${name}`, random.bytes(bytes));
}

function restoresTo({ engine, place, source }: MadeStore, snapshot: string): void {
  const target = `${place}/restored-${snapshot}`;
  engine.directories.restore({}, snapshot, target, {});
  assert.deepEqual(readdirSync(target).sort(), readdirSync(source).sort());
}

/** Names of the packs that are large, which only those with the files' content are. */
function dataPacks({ root }: MadeStore): string[] {
  return readdirSync(`${root}/packs`).filter((name) => statSync(`${root}/packs/${name}`).size > 40_000);
}

const ten = Array.from({ length: 10 }, (_, n) => `file-${n}`);

/** Files of 40,000 bytes fill a frame by sixes: the first six of ten are in one, the other four in the next. */
const firstFrame = ten.slice(0, 6);

describe("deleting a snapshot", () => {
  test("frees exactly the bytes that du no longer sees", (t) => {
    const { engine, root, source } = makeStore(t);
    const random = new Random(seedOfRun());
    writeFiles(source, random, ten);
    engine.directories.snapshot({}, source, { name: "one" });
    writeFiles(source, random, firstFrame);
    engine.directories.snapshot({}, source, { name: "two" });
    for (const name of ["one", "two"]) {
      const before = duWithoutCaches(root);
      const { freedBytes } = engine.directories.deleteSnapshot({}, name);
      assert.equal(freedBytes, before - duWithoutCaches(root), `seed ${random.seed}`);
      assert.ok(freedBytes > 160_000, `${freedBytes} bytes for ${name}`);
      assert.deepEqual(findings(engine), []);
    }
    assert.deepEqual(readdirSync(`${root}/packs`), []);
  });

  test("leaves a frame of which another snapshot needs a part, and calls the rest of it dead", (t) => {
    const made = makeStore(t);
    const { engine, root, source } = made;
    writeFiles(source, new Random(seedOfRun()), firstFrame);
    engine.directories.snapshot({}, source, { name: "all" });
    for (const name of firstFrame.slice(1)) writeFileSync(`${source}/${name}`, "");
    engine.directories.snapshot({}, source, { name: "few" });
    assert.equal(engine.upkeep.usage({}).deadBytes, 0);
    assert.ok(engine.directories.deleteSnapshot({}, "all").freedBytes < 40_000);
    const { deadBytes } = engine.upkeep.usage({});
    assert.ok(deadBytes > 180_000 && deadBytes < 240_000, `${deadBytes} dead`);
    restoresTo(made, "few");

    // A full collection looks into frames.
    const before = duWithoutCaches(root);
    const { freedBytes } = engine.upkeep.gc({}, { dryRun: false });
    assert.equal(freedBytes, before - duWithoutCaches(root));
    assert.ok(freedBytes > 180_000, `${freedBytes} bytes`);
    assert.equal(engine.upkeep.usage({}).deadBytes, 0);
    assert.deepEqual(findings(engine), []);
    restoresTo({ ...made, engine: made.again() }, "few");
  });

  test("leaves what another snapshot needs", (t) => {
    const made = makeStore(t);
    const random = new Random(seedOfRun());
    writeFiles(made.source, random, ten);
    made.engine.directories.snapshot({}, made.source, { name: "first" });
    writeFiles(made.source, random, ["file-0"]);
    made.engine.directories.snapshot({}, made.source, { name: "second" });
    made.engine.directories.deleteSnapshot({}, "first");
    assert.deepEqual(findings(made.engine), []);
    restoresTo(made, "second");
  });
});

describe("collection", () => {
  test("of a store without garbage changes nothing", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFiles(source, new Random(seedOfRun()), ten);
    engine.directories.snapshot({}, source, { name: "one" });
    const before = readdirSync(`${root}/packs`);
    const used = duWithoutCaches(root);
    assert.equal(engine.upkeep.gc({}, { dryRun: false }).freedBytes, 0);
    assert.equal(duWithoutCaches(root), used);
    assert.deepEqual(readdirSync(`${root}/packs`), before);
  });

  test("rewrites a pack that is partly dead, and keeps the rest readable", (t) => {
    const made = makeStore(t);
    const { engine, root, source } = made;
    const random = new Random(seedOfRun());
    writeFiles(source, random, ten);
    engine.directories.snapshot({}, source, { name: "all" });
    for (const name of ten.slice(0, 9)) writeFileSync(`${source}/${name}`, "");
    engine.directories.snapshot({}, source, { name: "few" });
    const before = duWithoutCaches(root);
    engine.directories.deleteSnapshot({}, "all");
    assert.ok(before - duWithoutCaches(root) > 6 * 40_000 - 8192);
    engine.upkeep.gc({}, { dryRun: false });
    assert.ok(before - duWithoutCaches(root) > 9 * 40_000 - 8192);
    assert.deepEqual(findings(engine), []);
    restoresTo(made, "few");
    restoresTo({ ...made, engine: made.again() }, "few");
  });

  test("says with a dry run what it would do, and does nothing", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFiles(source, new Random(seedOfRun()), ten);
    engine.directories.snapshot({}, source, { name: "kept" });
    const kept = readdirSync(`${root}/refs/snapshots`);
    writeFiles(source, new Random(seedOfRun() + 1), ["extra"]);
    engine.directories.snapshot({}, source, { name: "lost" });
    // Without its ref, what the snapshot wrote is garbage.
    for (const name of readdirSync(`${root}/refs/snapshots`)) {
      if (!kept.includes(name)) rmSync(`${root}/refs/snapshots/${name}`);
    }
    const before = duWithoutCaches(root);
    const dry = engine.upkeep.gc({}, { dryRun: true });
    assert.equal(duWithoutCaches(root), before);
    assert.ok(dry.deletedPacks >= 1 && dry.freedBytes > 40_000);
    const real = engine.upkeep.gc({}, { dryRun: false });
    assert.equal(real.deletedPacks, dry.deletedPacks);
    assert.equal(real.freedBytes, before - duWithoutCaches(root));
  });

  test("that was stopped after moving chunks is not undone by the next, whatever was indexed in between", (t) => {
    const random = new Random(seedOfRun());
    // Which of two packs with the same chunk an index prefers depends on their ids: try until both orders were seen.
    for (const orders = new Set<boolean>(); orders.size < 2;) {
      const made = makeStore(t);
      const { engine, root, source, place } = made;
      writeFiles(source, random, ten);
      engine.directories.snapshot({}, source, { name: "all" });
      const [old] = dataPacks(made);
      for (const name of ten.slice(0, 8)) writeFileSync(`${source}/${name}`, "");
      engine.directories.snapshot({}, source, { name: "few" });
      cpSync(`${root}/packs`, `${place}/packs before`, { recursive: true });
      engine.directories.deleteSnapshot({}, "all");
      const [moved] = dataPacks(made);
      orders.add((old as string) < (moved as string));

      // As if that collection had died before it forgot the old packs, and the index were lost.
      cpSync(`${place}/packs before`, `${root}/packs`, { recursive: true });
      for (const name of readdirSync(`${root}/index`)) rmSync(`${root}/index/${name}`);
      // The next snapshot indexes both packs in one segment.
      const next = made.again();
      writeFileSync(`${source}/file-0`, "changed");
      next.directories.snapshot({}, source, { name: "later" });
      for (let round = 0; round < 2; round++) {
        next.upkeep.gc({}, { dryRun: false });
        assert.deepEqual(findings(next), [], `seed ${random.seed}`);
      }
      restoresTo({ ...made, engine: next }, "few");
    }
  });

  test("sweeps unfinished files, wherever a writer may have died", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFiles(source, new Random(seedOfRun()), ["a"]);
    engine.directories.snapshot({}, source, { name: "one" });
    const places = [".", "packs", "index", "snapshots", "refs/snapshots"];
    for (const directory of places) writeFileSync(`${root}/${directory}/.tmp-1-x-1-y`, "unfinished");
    engine.upkeep.gc({}, { dryRun: false });
    for (const directory of places) {
      const left = readdirSync(`${root}/${directory}`).filter((name) => name.startsWith(".tmp-"));
      assert.deepEqual(left, [], directory);
    }
  });

  test("never collects what it cannot tell to be dead", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFiles(source, new Random(seedOfRun()), ten);
    engine.directories.snapshot({}, source, { name: "one" });
    const [ref] = readdirSync(`${root}/refs/snapshots`) as [string];
    writeFileSync(`${root}/refs/snapshots/${ref}`, "not an id");
    const before = readdirSync(`${root}/packs`);
    assert.throws(() => engine.upkeep.gc({}, { dryRun: false }), { code: "corrupt" });
    assert.deepEqual(readdirSync(`${root}/packs`), before);
  });
});
