import assert from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { SnapshotUsage } from "../../src/api.js";
import { refFile } from "../../src/snapshot/refs.js";
import { Random, seedOfRun } from "../random.js";
import { du, makeStore, type MadeStore } from "../snapshot/made-store.js";
import { forgeReferences } from "./forged.js";

/** What deleting a snapshot is about. The index and the counts, which also change, are caches. */
function snapshotBytes(root: string): number {
  return du(`${root}/packs`) + du(`${root}/snapshots`) + du(`${root}/refs`);
}

/** Of the directories alone. */
function emptyBytes(root: string): number {
  return ["packs", "snapshots", "refs", "refs/snapshots", "refs/disks"].reduce(
    (total, path) => total + statSync(`${root}/${path}`).blocks * 512,
    0,
  );
}

/** Changes a few files: most small and several to a frame, some of several frames. */
function change(random: Random, source: string): void {
  for (let n = random.below(6); n >= 0; n--) {
    const directory = `${source}/${random.below(3)}`;
    mkdirSync(directory, { recursive: true });
    const path = `${directory}/${random.below(10)}`;
    const kind = random.below(5);
    if (kind === 0) rmSync(path, { force: true });
    else
      writeFileSync(path, random.bytes(kind === 1 ? 300_000 + random.below(500_000) : random.below(60_000)));
  }
}

describe("the exclusive bytes of a snapshot", () => {
  test("are exactly what its deletion frees, after any history", (t) => {
    const { engine, root, source, again } = makeStore(t);
    const random = new Random(seedOfRun());
    const names: string[] = [];
    for (let step = 0; step < 40; step++) {
      if (names.length < 3 || random.chance(0.6)) {
        // Now and then what goes on is an older state, so that neighbours in time are not those that share the most.
        if (names.length > 0 && random.chance(0.2))
          engine.directories.restore({}, random.pick(names), source, { delete: true });
        change(random, source);
        names.push(engine.directories.snapshot({}, source, { name: `step-${step}` }).snapshot.name);
        continue;
      }
      const [name] = names.splice(random.below(names.length), 1) as [string];
      const usages = engine.upkeep.snapshotUsage({}, null);
      // What it kept in mind is what others find by what it kept for them, and who knows nothing at all.
      assert.deepEqual(again().upkeep.snapshotUsage({}, null), usages, `seed ${random.seed}, step ${step}`);
      const cache = `${root}/cache`;
      renameSync(cache, `${root}/kept`);
      assert.deepEqual(again().upkeep.snapshotUsage({}, null), usages, `seed ${random.seed}, step ${step}`);
      rmSync(cache, { recursive: true, force: true });
      renameSync(`${root}/kept`, cache);
      const foretold = usages.find(({ snapshot }) => snapshot.name === name)?.exclusiveBytes;
      const before = snapshotBytes(root);
      engine.directories.deleteSnapshot({}, name);
      assert.equal(before - snapshotBytes(root), foretold, `seed ${random.seed}, step ${step}`);
    }
  });

  test("are those of its record and ref while another snapshot shows the same tree", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFileSync(`${source}/file`, new Random(seedOfRun()).bytes(100_000));
    engine.directories.snapshot({}, source, { name: "one" });
    engine.directories.snapshot({}, source, { name: "two" });
    const exclusive = engine.upkeep.snapshotUsage({}, null).map(({ exclusiveBytes }) => exclusiveBytes);
    assert.deepEqual(exclusive, [8192, 8192]);
    engine.directories.deleteSnapshot({}, "one");
    const [only] = engine.upkeep.snapshotUsage({}, null);
    assert.equal(only?.exclusiveBytes, 8192 + du(`${root}/packs`) - 4096);
  });
});

describe("what was found of a snapshot", () => {
  /** `first` has two files in one frame of a pack; each of the others has one of these, and another in place of the other. */
  function sharers(t: TestContext): MadeStore {
    const made = makeStore(t);
    const random = new Random(seedOfRun());
    const [one, two] = [random.bytes(8_000), random.bytes(50_000)];
    const take = (name: string, contents: [Buffer, Buffer]): void => {
      contents.forEach((bytes, n) => writeFileSync(`${made.source}/${n}`, bytes));
      made.engine.directories.snapshot({}, made.source, { name });
    };
    take("first", [one, two]);
    take("with-one", [one, random.bytes(9_000)]);
    take("with-two", [random.bytes(9_000), two]);
    made.engine.directories.deleteSnapshot({}, "first");
    return made;
  }

  const ofOne = ({ engine }: MadeStore): SnapshotUsage | undefined =>
    engine.upkeep.snapshotUsage({}, null).find(({ snapshot }) => snapshot.name === "with-one");

  test("is found anew when another one leaves a pack with something of its own in it", (t) => {
    const made = sharers(t);
    const before = ofOne(made)?.exclusiveBytes ?? 0;
    made.engine.directories.deleteSnapshot({}, "with-two");
    const after = ofOne(made)?.exclusiveBytes ?? 0;
    assert.ok(after > before + 50_000, `${before}, then ${after}`);
    const bytes = snapshotBytes(made.root);
    made.engine.directories.deleteSnapshot({}, "with-one");
    assert.equal(bytes - snapshotBytes(made.root), after);
  });

  test("is found anew when a pack with something of it was written again", (t) => {
    const made = sharers(t);
    made.engine.directories.deleteSnapshot({}, "with-two");
    const before = ofOne(made)?.referencedBytes ?? 0;
    made.engine.upkeep.gc({}, { dryRun: false });
    const after = ofOne(made)?.referencedBytes ?? 0;
    assert.ok(after < before - 40_000, `${before}, then ${after}`);
    assert.equal(snapshotBytes(made.root) - emptyBytes(made.root), after);
  });
});

describe("the referenced bytes of a snapshot", () => {
  test("are what is left when all others are deleted at once, after any history", (t) => {
    const random = new Random(seedOfRun());
    for (let round = 0; round < 4; round++) {
      const { engine, root, source } = makeStore(t);
      for (let step = 0; step < 12; step++) {
        change(random, source);
        engine.directories.snapshot({}, source, { name: `step-${step}` });
        if (random.chance(0.3)) engine.directories.deleteSnapshot({}, `step-${step}`);
      }
      engine.directories.snapshot({}, source, { name: "last" });
      const usages = engine.upkeep.snapshotUsage({}, null);
      for (const { referencedBytes, exclusiveBytes, sharedBytes } of usages) {
        assert.equal(sharedBytes, referencedBytes - exclusiveBytes);
        assert.ok(sharedBytes >= 0, `seed ${random.seed}`);
      }
      const { snapshot, referencedBytes } = random.pick(usages.filter((one) => one.snapshot.name !== "last"));
      const kept = [snapshot.name, "last"].map(refFile);
      for (const file of readdirSync(`${root}/refs/snapshots`))
        if (!kept.includes(file)) rmSync(`${root}/refs/snapshots/${file}`);
      engine.directories.deleteSnapshot({}, "last");
      assert.equal(
        snapshotBytes(root) - emptyBytes(root),
        referencedBytes,
        `seed ${random.seed}, round ${round}`,
      );
    }
  });

  test("do not depend on which of two snapshots came first", (t) => {
    const { engine, source } = makeStore(t);
    writeFileSync(`${source}/file`, new Random(seedOfRun()).bytes(100_000));
    for (const name of ["one", "two"]) engine.directories.snapshot({}, source, { name });
    const [two, one] = engine.upkeep.snapshotUsage({}, null);
    assert.deepEqual({ ...one, snapshot: null }, { ...two, snapshot: null });
    assert.ok((one?.sharedBytes ?? 0) > 100_000);
  });
});

describe("an audit", () => {
  test("finds nothing to say of a store after its snapshots came and went", (t) => {
    const { engine, source } = makeStore(t);
    const random = new Random(seedOfRun());
    for (let step = 0; step < 6; step++) {
      change(random, source);
      engine.directories.snapshot({}, source, { name: `step-${step}` });
      if (step % 3 === 2) engine.directories.deleteSnapshot({}, `step-${step - 1}`);
      assert.deepEqual(
        engine.upkeep.usage({}, { audit: true }).audit,
        { differences: [] },
        `seed ${random.seed}`,
      );
    }
    assert.equal(engine.upkeep.usage({}).audit, null);
  });

  test("tells of counts that are wrong although their digest is right, and mends them", (t) => {
    const made = makeStore(t);
    const { engine, source } = made;
    change(new Random(seedOfRun()), source);
    engine.directories.snapshot({}, source, { name: "one" });
    forgeReferences(made, (counts) => void (counts[0] = (counts[0] as number) + 1));
    const { audit } = engine.upkeep.usage({}, { audit: true });
    assert.equal(audit?.differences.length, 1);
    assert.match(audit.differences[0] as string, /references/);
    assert.deepEqual(engine.upkeep.usage({}, { audit: true }).audit, { differences: [] });
  });
});
