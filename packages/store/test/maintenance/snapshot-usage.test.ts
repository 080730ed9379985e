import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { refFile } from "../../src/snapshot/refs.js";
import { Random, seedOfRun } from "../random.js";
import { du, makeStore } from "../snapshot/made-store.js";
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
        change(random, source);
        names.push(engine.directories.snapshot({}, source, { name: `step-${step}` }).snapshot.name);
        continue;
      }
      const [name] = names.splice(random.below(names.length), 1) as [string];
      const usages = engine.upkeep.snapshotUsage({}, null);
      // What it kept in mind is what one finds who knows nothing.
      assert.deepEqual(usages, again().upkeep.snapshotUsage({}, null), `seed ${random.seed}, step ${step}`);
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
