import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import { FaultyFiles, unsyncedFiles, type Fault } from "../platform/faulty-files.js";
import { findings } from "../snapshot/made-store.js";
import { temporaryDirectory } from "../temporary.js";

/** `ENOSPC` takes the same ways as `EIO`; one test below sees that it is told. */
const faults: Fault[] = ["EIO", "stop"];

interface Scene {
  place: string;
  source: string;
  /** Tree ids by snapshot name, of all that stands in the store before. */
  trees: Map<string, string>;
}

/** A store with two snapshots that share some content, and a source that differs from both. */
function makeScene(t: TestContext): Scene {
  const place = temporaryDirectory(t);
  const source = `${place}/source`;
  mkdirSync(`${source}/directory`, { recursive: true });
  const engine = Engine.open(unsyncedFiles, `${place}/before`, { create: true });
  const trees = new Map<string, string>();
  for (const name of ["old", "kept"]) {
    writeFileSync(`${source}/shared`, Buffer.alloc(50_000, "shared"));
    writeFileSync(`${source}/directory/own`, `of ${name} `.repeat(1000));
    trees.set(name, engine.directories.snapshot({}, source, { name }).snapshot.tree);
  }
  writeFileSync(`${source}/directory/own`, "of the new one");
  writeFileSync(`${source}/large`, Buffer.alloc(300_000, "large"));
  engine.close();
  return { place, source, trees };
}

/** Runs with the fault at every change in turn, each time on a fresh copy of the store, until it no longer happens. */
function atEveryChange(
  { place }: Scene,
  fault: Fault,
  run: (engine: Engine) => void,
  check: (engine: Engine, succeeded: boolean, where: string) => void,
): number {
  for (let at = 1; ; at++) {
    const root = `${place}/${fault}-${at}`;
    cpSync(`${place}/before`, root, { recursive: true });
    const faulty = new FaultyFiles(at, fault);
    const engine = Engine.open(faulty.files, root, { create: false });
    let succeeded = true;
    try {
      run(engine);
    } catch (error) {
      assert.ok(error instanceof StoreError, `change ${at}: ${String((error as Error).stack)}`);
      succeeded = false;
    }
    faulty.disarm();
    const where = `${fault} at change ${at}: ${faulty.changes[at - 1] ?? "none"}`;
    if (fault === "stop") closeQuietly(engine);
    // After an error the same engine goes on; after a stop another has to.
    const next = fault === "stop" ? Engine.open(unsyncedFiles, root, { create: false }) : engine;
    check(next, succeeded, where);
    next.close();
    if (!faulty.happened) return at - 1;
  }
}

function closeQuietly(engine: Engine): void {
  try {
    engine.close();
  } catch {
    // A stopped process does not close anything in good order.
  }
}

function treesOf(engine: Engine): Map<string, string> {
  return new Map(engine.directories.listSnapshots({}).map(({ name, tree }) => [name, tree]));
}

let nextName = 0;

/** The store is whole, can be written to, and holds nothing unfinished once it was collected. */
function assertWorks(engine: Engine, root: string, source: string, where: string): void {
  assert.deepEqual(findings(engine), [], where);
  const name = `next-${(nextName += 1)}`;
  engine.directories.snapshot({}, source, { name });
  engine.directories.deleteSnapshot({}, name);
  assert.deepEqual(findings(engine), [], `${where}, after the next snapshot and collection`);
  const unfinished = readdirSync(root, { recursive: true }).filter((path) => String(path).includes(".tmp-"));
  assert.deepEqual(unfinished, [], where);
}

const rootOf = (scene: Scene, where: string): string => {
  const [, fault, at] = /^(\w+) at change (\d+)/.exec(where) as unknown as [string, string, string];
  return `${scene.place}/${fault}-${at}`;
};

for (const fault of faults) {
  describe(`with ${fault} at any change`, () => {
    test("a snapshot is whole or absent, and nothing else is touched", (t) => {
      const scene = makeScene(t);
      const steps = atEveryChange(
        scene,
        fault,
        (engine) => void engine.directories.snapshot({}, scene.source, { name: "new" }),
        (engine, succeeded, where) => {
          const trees = treesOf(engine);
          for (const [name, tree] of scene.trees) assert.equal(trees.get(name), tree, where);
          if (succeeded) assert.ok(trees.has("new"), where);
          assertWorks(engine, rootOf(scene, where), scene.source, where);
        },
      );
      assert.ok(steps > 10, `only ${steps} changes`);
    });

    test("a deleted snapshot is whole or gone, and nothing else is touched", (t) => {
      const scene = makeScene(t);
      const steps = atEveryChange(
        scene,
        fault,
        (engine) => void engine.directories.deleteSnapshot({}, "old"),
        (engine, succeeded, where) => {
          const trees = treesOf(engine);
          assert.equal(trees.get("kept"), scene.trees.get("kept"), where);
          if (succeeded) assert.ok(!trees.has("old"), where);
          assertWorks(engine, rootOf(scene, where), scene.source, where);
        },
      );
      assert.ok(steps > 5, `only ${steps} changes`);
    });
  });
}

test("a full disk is told as such, at whichever write it shows", (t) => {
  const { place, source } = makeScene(t);
  let told = 0;
  for (const at of [1, 2, 3, 5, 8, 13]) {
    const root = `${place}/full-${at}`;
    cpSync(`${place}/before`, root, { recursive: true });
    const engine = Engine.open(new FaultyFiles(at, "ENOSPC").files, root, { create: false });
    try {
      engine.directories.snapshot({}, source, { name: "new" });
    } catch (error) {
      assert.ok(error instanceof StoreError && error.code === "no_space", String(error));
      told += 1;
    } finally {
      engine.close();
    }
  }
  assert.ok(told >= 5, `${told} of 6`);
});

describe("making a store", () => {
  test("that was interrupted anywhere can be done again", (t) => {
    const place = temporaryDirectory(t);
    for (let at = 1; ; at++) {
      const faulty = new FaultyFiles(at, "stop");
      const root = `${place}/${at}`;
      try {
        Engine.open(faulty.files, root, { create: true }).close();
      } catch (error) {
        assert.ok(error instanceof StoreError, `${faulty.changes.at(-1)}: ${String(error)}`);
      }
      const engine = Engine.open(unsyncedFiles, root, { create: true });
      engine.upkeep.gc({}, { dryRun: false });
      assert.deepEqual(findings(engine), []);
      engine.close();
      if (!faulty.happened) break;
    }
  });
});
