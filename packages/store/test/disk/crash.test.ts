/** Every operation is killed before any of its changes; the disks must then be as before or as after. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { checkStore } from "../../src/maintenance/fsck.js";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { opaqueAttribute } from "../../src/snapshot/overlay-marks.js";
import { createStore } from "../../src/snapshot/format-file.js";
import { Work } from "../../src/snapshot/work.js";
import { Random, seedOfRun } from "../random.js";
import { depth, drawn } from "../simulation/share.js";
import { crashingFiles } from "./crashing-files.js";
import { openBench, removeDirectory, temporaryDirectoryInMemory, type Bench } from "./mounted.js";

/** Of up to some 100 changes, as many as end within seconds; `npm run test:deep` takes all. */
const killsPerOperation = 6 * depth;

/** Changes the upper as overlayfs would have, so that hundreds of runs need no mount. */
function write(bench: Bench, id: string, run: (upper: string) => void): void {
  const mount = bench.disks.attach(id);
  assert.equal(mount.driver, "overlay");
  run(mount.upper);
  bench.disks.detach(id);
}

function setUp(bench: Bench): void {
  bench.disks.create({ id: "one", directories: [{ path: "d/e", mode: 0o750 }] });
  write(bench, "one", (upper) => {
    fs.writeFileSync(`${upper}/d/e/f`, "first");
    fs.linkSync(`${upper}/d/e/f`, `${upper}/link`);
    fs.writeFileSync(`${upper}/gone`, "gone");
  });
  bench.disks.snapshot("one", { name: "s1" });
  write(bench, "one", (upper) => {
    linuxFiles.makeNode(anywhere, `${upper}/gone`, { type: "character", mode: 0, major: 0, minor: 0 });
    fs.writeFileSync(`${upper}/new`, "second");
  });
  bench.disks.snapshot("one", { name: "s2" });
  bench.disks.clone("one", { id: "two" });
  bench.disks.snapshot("two", { name: "t1" });
  write(bench, "one", (upper) => fs.writeFileSync(`${upper}/unsaved`, "third"));
  write(bench, "two", (upper) => fs.writeFileSync(`${upper}/own`, "own"));
}

interface State {
  /** Disk id to the tree it shows. */
  disks: Record<string, string>;
  /** Disk id and snapshot name to tree; undo snapshots left out. */
  snapshots: Record<string, string>;
}

/** Changes the store, so it is asked last. */
function stateOf(bench: Bench): State {
  const state: State = { disks: {}, snapshots: {} };
  const { repository, disks } = bench;
  const present = new Set(disks.list().map(({ id }) => id));
  for (const scope of repository.refs.scopes()) {
    // The snapshots of a deleted disk cannot be reached; a sweep ends their deletion.
    if (scope === null || !present.has(scope)) continue;
    for (const { name, tree } of repository.listSnapshots(scope)) {
      if (!name.startsWith("undo-")) state.snapshots[`${scope}@${name}`] = tree;
    }
  }
  for (const { id } of disks.list()) {
    const { snapshot, problems } = disks.snapshot(id, { name: "check" });
    assert.deepEqual(problems, []);
    state.disks[id] = snapshot.tree;
  }
  // What layers say of themselves must be what they show.
  const claimed = { ...state.disks };
  forgetTrees(bench);
  for (const id of Object.keys(claimed)) {
    assert.equal(disks.snapshot(id, { name: "check-anew" }).snapshot.tree, claimed[id], `what ${id} shows`);
  }
  return state;
}

function forgetTrees({ root }: Bench): void {
  for (const layer of fs.readdirSync(`${root}/layers`))
    fs.rmSync(`${root}/layers/${layer}/tree`, { force: true });
}

/** Small layers above a larger one, with removals and a replaced directory. */
function pileUp(bench: Bench): void {
  write(bench, "one", (upper) => {
    for (let n = 0; n < 30; n++) fs.writeFileSync(`${upper}/many${n}`, "");
  });
  bench.disks.snapshot("one", { name: "s3" });
  write(bench, "one", (upper) => {
    // With "d" goes the other link of "link": a lonely one is another tree when its layers are walked as one.
    for (const name of ["many1", "d", "link"]) {
      linuxFiles.makeNode(anywhere, `${upper}/${name}`, { type: "character", mode: 0, major: 0, minor: 0 });
    }
  });
  bench.disks.clone("one", { id: "three" });
  bench.disks.delete("three");
  write(bench, "one", (upper) => {
    fs.mkdirSync(`${upper}/d`, { mode: 0o711 });
    linuxFiles.setXattr(anywhere, `${upper}/d`, opaqueAttribute, Buffer.from("y"));
    fs.writeFileSync(`${upper}/d/anew`, "anew");
  });
  bench.disks.snapshot("one", { name: "s4" });
  write(bench, "one", (upper) => fs.writeFileSync(`${upper}/unsaved`, "fourth"));
}

function attachAndDetach({ disks }: Bench): void {
  disks.attach("one");
  disks.detach("one");
}

interface Operation {
  prepare?: (bench: Bench) => void;
  act: (bench: Bench) => void;
  /** A disk that is made each time anew, so that its times differ. */
  made?: string;
  /** How long a stack may grow before it is compacted. */
  layersMax?: number;
}

const operations: Record<string, Operation> = {
  create: {
    made: "new",
    act: ({ disks }) => disks.create({ id: "new", directories: [{ path: "a/b", mode: 0o700 }] }),
  },
  clone: { act: ({ disks }) => disks.clone("one", { id: "new" }) },
  "clone of a snapshot": { act: ({ disks }) => disks.clone("one", { id: "new", snapshot: "s1" }) },
  "clone of a snapshot without a layer": {
    prepare: forgetTrees,
    act: ({ disks }) => disks.clone("one", { id: "new", snapshot: "s1" }),
  },
  "clone of a directory": {
    prepare: (bench) => {
      bench.disks.create({ id: "plain", driver: "directory" });
      const mount = bench.disks.attach("plain");
      assert.equal(mount.driver, "directory");
      fs.mkdirSync(`${mount.path}/d`);
      fs.writeFileSync(`${mount.path}/d/f`, "first");
      fs.linkSync(`${mount.path}/d/f`, `${mount.path}/link`);
      bench.disks.detach("plain");
    },
    act: ({ disks }) => disks.clone("plain", { id: "new" }),
  },
  snapshot: { act: ({ disks }) => disks.snapshot("one", { name: "s3" }) },
  restore: { act: ({ disks }) => disks.restore("one", "s1") },
  "restore with undo": { act: ({ disks }) => disks.restore("one", "s1", { undo: true }) },
  "restore without a layer": { prepare: forgetTrees, act: ({ disks }) => disks.restore("one", "s1") },
  "restore of paths": {
    act: ({ disks }) => disks.restore("one", "s1", { paths: [Buffer.from("gone"), Buffer.from("new")] }),
  },
  compaction: { layersMax: 2, act: attachAndDetach },
  "compaction above a layer that stays": { prepare: pileUp, layersMax: 4, act: attachAndDetach },
  "compaction for a snapshot": {
    prepare: pileUp,
    layersMax: 4,
    act: ({ disks }) => disks.snapshot("one", { name: "s5" }),
  },
  delete: { act: ({ disks }) => disks.delete("one") },
  sweep: {
    prepare: ({ disks }) => {
      disks.delete("two");
      disks.restore("one", "s1");
    },
    act: ({ disks }) => disks.sweepLayers(),
  },
};

for (const [name, { prepare, act, made, layersMax }] of Object.entries(operations)) {
  void test(`killed anywhere in: ${name}`, (t) => {
    const random = new Random(seedOfRun());
    t.diagnostic(`seed ${random.seed}`);
    const parent = temporaryDirectoryInMemory();
    t.after(() => removeDirectory(parent));
    const original = path.join(parent, "original");
    createStore(linuxFiles, original);
    const first = openBench(original);
    setUp(first);
    prepare?.(first);
    first.repository.close();

    const withoutTimes = (state: State): State => {
      if (made !== undefined && made in state.disks) state.disks[made] = "made";
      return state;
    };
    const onCopy = <Result>(run: (root: string) => Result): Result => {
      const root = path.join(parent, "copy");
      assert.equal(spawnSync("cp", ["-a", original, root]).status, 0);
      try {
        return run(root);
      } finally {
        removeDirectory(root);
      }
    };
    const asIs = (root: string): State => {
      const bench = openBench(root);
      const state = stateOf(bench);
      bench.repository.close();
      return withoutTimes(state);
    };
    const before = onCopy(asIs);
    const after = onCopy((root) => {
      const bench = openBench(root, linuxFiles, layersMax);
      act(bench);
      bench.repository.close();
      return asIs(root);
    });
    /** The number of changes that were made. */
    const runKilled = (root: string, crashAt: number): number => {
      const crashing = crashingFiles(crashAt);
      const victim = openBench(root, crashing.files, layersMax);
      try {
        act(victim);
      } catch (error) {
        if (!crashing.crashed()) throw error;
      }
      const changes = crashing.count();
      victim.repository.close();
      return changes;
    };
    const changes = onCopy((root) => runKilled(root, Infinity));
    assert.ok(changes > 3);
    const everyPoint = Array.from({ length: changes }, (_, n) => n + 1);
    const killed = drawn(everyPoint, killsPerOperation, (end) => random.below(end));
    for (const crashAt of killed) {
      onCopy((root) => {
        runKilled(root, crashAt);
        const bench = openBench(root);
        // Half of the runs meet the leftovers as a sweep, half as the next operation.
        if (crashAt % 2 === 0) bench.disks.sweepLayers();
        const state = withoutTimes(stateOf(bench));
        const context = `seed ${random.seed}, killed before change ${crashAt}`;
        const options = [before, after].map((one) => JSON.stringify(one.disks));
        assert.ok(options.includes(JSON.stringify(state.disks)), `${context}: ${JSON.stringify(state)}`);
        for (const [snapshot, tree] of Object.entries(state.snapshots)) {
          const known = before.snapshots[snapshot] ?? after.snapshots[snapshot];
          assert.equal(tree, known, `${context}: ${snapshot}`);
        }
        for (const snapshot of Object.keys(before.snapshots)) {
          const [disk] = snapshot.split("@") as [string];
          assert.equal(snapshot in state.snapshots, disk in state.disks, `${context}: ${snapshot}`);
        }
        bench.disks.sweepLayers();
        assert.deepEqual(checkStore(bench.repository, new Work("check"), true).findings, [], context);
        const scopes = bench.repository.refs.scopes().filter((scope) => scope !== null);
        assert.deepEqual(scopes, Object.keys(state.disks), context);
        for (const disk of ["disks", "layers"]) {
          const unfinished = fs.readdirSync(`${root}/${disk}`).filter((entry) => entry.startsWith("."));
          assert.deepEqual(unfinished, [], context);
        }
        assert.deepEqual(fs.readdirSync(`${root}/trash`), [], context);
        bench.repository.close();
      });
    }
    t.diagnostic(`${killed.length} of ${changes} changes`);
  });
}
