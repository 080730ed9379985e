import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { Engine } from "../../src/engine/engine.js";
import { References } from "../../src/maintenance/references.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Random, seedOfRun } from "../random.js";
import { du, makeStore } from "../snapshot/made-store.js";

/** Longer than a time that a stamp does not trust yet. */
const settledMs = 120;

interface Counting {
  files: Files;
  calls: { open: number; stat: number; read: number };
}

function counting(): Counting {
  const calls = { open: 0, stat: 0, read: 0 };
  const files: Files = {
    ...linuxFiles,
    sync: () => undefined,
    syncFilesystem: () => undefined,
    open: (...args) => {
      calls.open += 1;
      return linuxFiles.open(...args);
    },
    read: (...args) => {
      calls.read += 1;
      return linuxFiles.read(...args);
    },
    stat: (...args) => {
      calls.stat += 1;
      return linuxFiles.stat(...args);
    },
  };
  return { files, calls };
}

/** What one question costs in calls, once the store has so many snapshots. */
function costs({ calls }: Counting, ask: () => unknown): Counting["calls"] {
  Object.assign(calls, { open: 0, stat: 0, read: 0 });
  ask();
  return { ...calls };
}

function snapshots(engine: Engine, source: string, from: number, to: number): void {
  for (let n = from; n < to; n++) {
    writeFileSync(`${source}/file`, `content ${n} `.repeat(50));
    engine.directories.snapshot({}, source, { name: `at-${n}` });
  }
}

function reopened(t: TestContext, files: Files, root: string): Engine {
  const engine = Engine.open(files, root, { create: false });
  t.after(() => engine.close());
  return engine;
}

describe("asking what a store takes", () => {
  test("costs what changed since, however many snapshots there are, also in a process that just started", async (t) => {
    const { root, source } = makeStore(t);
    const kernel = counting();
    const engine = reopened(t, kernel.files, root);
    const found: Record<string, Counting["calls"][]> = {};
    for (const [from, to] of [
      [0, 20],
      [20, 60],
    ] as const) {
      snapshots(engine, source, from, to);
      engine.upkeep.usage({});
      await pause(settledMs);
      engine.upkeep.usage({});
      const fresh = reopened(t, kernel.files, root);
      (found["in a new process"] ??= []).push(costs(kernel, () => fresh.upkeep.usage({})));
      engine.directories.deleteSnapshot({}, `at-${to - 1}`);
      (found["after a deletion"] ??= []).push(costs(kernel, () => engine.upkeep.usage({})));
      snapshots(engine, source, to - 1, to);
      (found["after a snapshot"] ??= []).push(costs(kernel, () => engine.upkeep.usage({})));
      assert.equal(engine.upkeep.usage({}).onDiskBytes, du(root));
      assert.equal(engine.upkeep.usage({}).snapshots, to);
    }
    for (const [when, [few, many]] of Object.entries(found)) {
      assert.ok(few !== undefined && many !== undefined);
      // A collection may have made another segment of the index, and the references may be read once more.
      assert.ok(many.open <= few.open + 8, `${when}: ${few.open} and ${many.open} files opened`);
      assert.ok(many.read <= few.read + 8, `${when}: read ${few.read} and ${many.read} times`);
      assert.ok(many.stat <= few.stat + 8, `${when}: ${few.stat} and ${many.stat} files asked after`);
    }
  });

  test("gives the same figures whether they are remembered, kept, or counted anew", (t) => {
    const { engine, root, source } = makeStore(t);
    const random = new Random(seedOfRun());
    const names: string[] = [];
    for (let step = 0; step < 60; step++) {
      const [victim] = names;
      if (victim !== undefined && random.chance(0.45)) {
        names.shift();
        engine.directories.deleteSnapshot({}, victim);
      } else {
        for (let n = random.below(3); n >= 0; n--)
          writeFileSync(`${source}/${random.below(12)}`, random.bytes(random.below(50_000)));
        const taken = random.chance(0.2) ? names.at(-1) : undefined;
        // The name of one that is gone, now and then: another record under the same ref.
        const name = taken === undefined ? `step-${step}` : taken;
        if (taken !== undefined) engine.directories.deleteSnapshot({}, name);
        else names.push(name);
        engine.directories.snapshot({}, source, { name });
      }
      if (random.chance(0.2)) engine.upkeep.gc({}, { dryRun: false });
      const asked = reopened(t, linuxFiles, root);
      const known = engine.upkeep.usage({});
      assert.deepEqual(asked.upkeep.usage({}), known, `seed ${random.seed}, step ${step}`);
      assert.equal(known.onDiskBytes, du(root));
      assert.equal(known.snapshots, names.length);
      if (step % 10 !== 9) continue;
      const { audit } = engine.upkeep.usage({}, { audit: true });
      assert.deepEqual(audit, { differences: [] }, `seed ${random.seed}, step ${step}`);
    }
  });

  test("says what is dead also where nothing is known yet of a pack that has some", (t) => {
    const { engine, root, source } = makeStore(t);
    // One frame, of which half is needed: it stays as it is.
    const random = new Random(seedOfRun());
    for (const name of ["gone", "kept"]) writeFileSync(`${source}/${name}`, random.bytes(30_000));
    engine.directories.snapshot({}, source, { name: "both" });
    rmSync(`${source}/gone`);
    engine.directories.snapshot({}, source, { name: "one" });
    engine.directories.deleteSnapshot({}, "both");
    rmSync(`${root}/cache`, { recursive: true });
    const { deadBytes } = reopened(t, linuxFiles, root).upkeep.usage({});
    assert.ok(deadBytes >= 30_000, `${deadBytes}`);
    assert.equal(reopened(t, linuxFiles, root).upkeep.usage({}).deadBytes, deadBytes);
  });

  test("keeps no count for a tree that was taken away, also when another process had kept it", (t) => {
    const { engine, root, source } = makeStore(t);
    snapshots(engine, source, 0, 2);
    const other = reopened(t, linuxFiles, root);
    other.upkeep.usage({});
    snapshots(engine, source, 2, 3);
    engine.upkeep.gc({}, { dryRun: true });
    const kept = () => References.decode(readFileSync(`${root}/cache/references`))?.trees ?? new Set();
    assert.equal(kept().size, 3);
    other.directories.deleteSnapshot({}, "at-2");
    const trees = other.directories.listSnapshots({}).map(({ tree }) => tree);
    assert.deepEqual([...kept()].sort(), trees.sort());
  });

  const forgeries: [string, (census: string) => string, RegExp][] = [
    [
      "what packs take",
      (census) => census.replace(/("packs":\[\["[0-9a-f]+"),\d+/, "$1,123904"),
      /walk of the store/,
    ],
    [
      "what is needed of packs",
      (census) => census.replace(/("packs":\[\["[0-9a-f]+",\d+,\d+),\d+/, "$1,1"),
      /counted wrong/,
    ],
    [
      "what a snapshot alone would leave",
      (census) => census.replace(/("figures":\[\[)\d+/, "$14096"),
      /what 1 snapshots take/,
    ],
    [
      "what a snapshot's end would free",
      (census) => census.replace(/("figures":\[\[\d+),\d+/, "$1,4096"),
      /what 1 snapshots take/,
    ],
    [
      "what snapshots say",
      (census) => census.replace(/("records":\[\["[0-9a-f]+",\d+,null,"[0-9a-f]+","[0-9a-f]+"),\d+/, "$1,7"),
      /snapshots that were remembered/,
    ],
  ];
  for (const [what, forge, difference] of forgeries)
    test(`an audit finds that ${what} was forged, and mends it`, (t) => {
      const { engine, root, source } = makeStore(t);
      snapshots(engine, source, 0, 20);
      engine.upkeep.snapshotUsage({}, null);
      const path = `${root}/cache/census`;
      const body = readFileSync(path, "utf8").slice(65);
      const forged = forge(body);
      assert.notEqual(forged, body);
      writeFileSync(path, `${hash(Buffer.from(forged)).toString("hex")}\n${forged}`);
      const fooled = reopened(t, linuxFiles, root);
      assert.match(fooled.upkeep.usage({}, { audit: true }).audit?.differences.join() ?? "", difference);
      assert.deepEqual(fooled.upkeep.usage({}, { audit: true }).audit?.differences, []);
      const later = reopened(t, linuxFiles, root);
      assert.deepEqual(later.upkeep.usage({}, { audit: true }).audit?.differences, []);
      assert.equal(later.upkeep.usage({}).onDiskBytes, du(root));
    });

  test("does without what was kept where it cannot be read", (t) => {
    const { engine, root, source } = makeStore(t);
    snapshots(engine, source, 0, 20);
    const right = engine.upkeep.usage({});
    for (const content of ["", "not what was kept", `${"0".repeat(64)}\n{}`]) {
      writeFileSync(`${root}/cache/census`, content);
      const { chunkBytes, deadBytes, snapshots: count } = reopened(t, linuxFiles, root).upkeep.usage({});
      assert.deepEqual([chunkBytes, deadBytes, count], [right.chunkBytes, right.deadBytes, right.snapshots]);
    }
  });
});
