/** The operations of a store that are stopped everywhere, each with the store it starts from. */
import type { Engine } from "../../src/engine/engine.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { Repository } from "../../src/snapshot/repository.js";
import { betweenStores } from "./between-stores.js";
import { MemoryDisk, type Moment } from "./memory-disk.js";
import { MemoryFiles } from "./memory-files.js";
import { repairs } from "./repairs.js";
import type { Scenario } from "./scenario.js";
import { makeSource, noise, openStore, put, sourceRoot, storeRoot, twoSnapshots } from "./sources.js";

/** Changes the upper as overlayfs would have. */
function onUpper(engine: Engine, files: Files, id: string, change: (upper: string) => void): void {
  const mount = engine.disks.attach({}, id);
  change(mount.driver === "overlay" ? mount.upper : mount.path);
  engine.disks.detach({}, id);
}

/** A disk with two snapshots, a clone of it, and something unsaved on it. */
function disks(engine: Engine, files: Files): void {
  engine.disks.create({}, { id: "one", directories: [{ path: "d/e", mode: 0o750 }] });
  onUpper(engine, files, "one", (upper) => {
    put(files, `${upper}/d/e/f`, noise(31));
    files.link(anywhere, `${upper}/d/e/f`, anywhere, `${upper}/link`);
    put(files, `${upper}/gone`, "gone");
  });
  engine.disks.snapshot({}, "one", { name: "s1" });
  onUpper(engine, files, "one", (upper) => {
    files.makeNode(anywhere, `${upper}/gone`, { type: "character", mode: 0, major: 0, minor: 0 });
    put(files, `${upper}/new`, "second");
  });
  engine.disks.snapshot({}, "one", { name: "s2" });
  engine.disks.clone({}, "one", { id: "two" });
  onUpper(engine, files, "one", (upper) => put(files, `${upper}/unsaved`, "third"));
}

/** Without what layers know of themselves, restoring and cloning have to build one. */
function forgetTrees(files: Files): void {
  const layers = files.open(anywhere, `${storeRoot}/layers`, { directory: true });
  for (const { name } of files.list(layers)) {
    const tree = `${name.toString()}/tree`;
    try {
      files.unlink(layers, tree);
    } catch {
      // It never knew.
    }
  }
  files.close(layers);
}

const restoredRoot = "/data/restored-to";

function restoreOld(engine: Engine): void {
  engine.directories.restore({}, "old", restoredRoot, { delete: true });
}

const nothing = (): void => undefined;

export const scenarios: readonly Scenario[] = [
  { name: "init", prepare: nothing, act: nothing, isInit: true },
  {
    name: "first snapshot",
    prepare: nothing,
    act: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "new" }),
  },
  {
    name: "second snapshot",
    prepare: (engine, files) => {
      engine.directories.snapshot({}, sourceRoot, { name: "old" });
      put(files, `${sourceRoot}/file-1`, "changed");
    },
    act: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "new" }),
  },
  {
    name: "snapshot of what is stored already",
    prepare: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "old" }),
    act: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "new" }),
  },
  {
    name: "delete snapshot",
    prepare: twoSnapshots,
    act: (engine) => engine.directories.deleteSnapshot({}, "old"),
  },
  {
    name: "delete the last snapshot",
    prepare: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "old" }),
    act: (engine) => engine.directories.deleteSnapshot({}, "old"),
  },
  {
    name: "create disk",
    prepare: disks,
    act: (engine) => engine.disks.create({}, { id: "new", directories: [{ path: "a/b", mode: 0o700 }] }),
  },
  {
    name: "create plain disk",
    prepare: nothing,
    act: (engine) =>
      engine.disks.create({}, { id: "new", driver: "directory", directories: [{ path: "a", mode: 0o700 }] }),
  },
  { name: "clone disk", prepare: disks, act: (engine) => engine.disks.clone({}, "one", { id: "new" }) },
  {
    name: "clone an unchanged disk",
    prepare: disks,
    act: (engine) => engine.disks.clone({}, "two", { id: "new" }),
  },
  {
    name: "clone of a snapshot",
    prepare: disks,
    act: (engine) => engine.disks.clone({}, "one", { id: "new", snapshot: "s1" }),
  },
  {
    name: "clone of a snapshot by building a layer",
    prepare: (engine, files) => {
      disks(engine, files);
      forgetTrees(files);
    },
    act: (engine) => engine.disks.clone({}, "one", { id: "new", snapshot: "s1" }),
  },
  {
    name: "snapshot disk",
    prepare: disks,
    act: (engine) => engine.disks.snapshot({}, "one", { name: "s3" }),
  },
  {
    name: "first snapshot of a disk",
    prepare: disks,
    act: (engine) => engine.disks.snapshot({}, "two", { name: "t1" }),
  },
  {
    name: "restore disk by restacking",
    prepare: disks,
    act: (engine) => engine.disks.restore({}, "one", "s1", {}),
  },
  {
    name: "restore disk by building a layer",
    prepare: (engine, files) => {
      disks(engine, files);
      forgetTrees(files);
    },
    act: (engine) => engine.disks.restore({}, "one", "s1", { undo: true }),
  },
  {
    name: "restore paths of a disk",
    prepare: disks,
    act: (engine) =>
      engine.disks.restore({}, "one", "s1", { paths: [Buffer.from("gone"), Buffer.from("new")] }),
  },
  {
    name: "clone a plain disk",
    prepare: (engine, files) => {
      engine.disks.create({}, { id: "plain", driver: "directory" });
      onUpper(engine, files, "plain", (path) => put(files, `${path}/file`, noise(55)));
    },
    act: (engine) => engine.disks.clone({}, "plain", { id: "new" }),
  },
  { name: "delete disk", prepare: disks, act: (engine) => engine.disks.delete({}, "one") },
  {
    name: "collect layers",
    prepare: (engine, files) => {
      disks(engine, files);
      engine.disks.delete({}, "two");
      engine.disks.restore({}, "one", "s1", {});
    },
    act: (engine) => engine.upkeep.gc({}, { dryRun: false }),
  },
  {
    name: "collect packs",
    prepare: (engine, files) => {
      twoSnapshots(engine, files);
      // As one leaves it who dies between deleting and collecting.
      const repository = Repository.open(files, storeRoot);
      repository.removeSnapshot(repository.getSnapshot(null, "old"));
      repository.close();
    },
    act: (engine) => engine.upkeep.gc({}, { dryRun: false }),
  },
  {
    name: "restore",
    prepare: (engine, files) => {
      twoSnapshots(engine, files);
      engine.directories.restore({}, "kept", restoredRoot, {});
    },
    act: restoreOld,
    goOn: (engine) => {
      restoreOld(engine);
      const { snapshot } = engine.directories.snapshot({}, restoredRoot, { name: "again" });
      const { tree } = engine.directories.getSnapshot({}, "old");
      engine.directories.deleteSnapshot({}, "again");
      if (snapshot.tree !== tree) throw new Error(`restored again, it is ${snapshot.tree}, not ${tree}`);
    },
  },
  {
    name: "restore to nowhere, without doing it",
    prepare: twoSnapshots,
    act: (engine) => engine.directories.restore({}, "old", "/data/nowhere", { dryRun: true, delete: true }),
  },
  ...betweenStores,
  ...repairs,
];

/** Makes what the operation finds; the directory "/data" must be there. */
export function prepareOn(files: Files, scenario: Scenario): void {
  makeSource(files);
  if (scenario.isInit === true) return;
  const engine = openStore(files, true);
  try {
    scenario.prepare(engine, files);
  } finally {
    engine.close();
  }
}

/** The simulated disk as the operation finds it, with nothing unsynced. */
export function prepared(scenario: Scenario): Moment {
  const disk = new MemoryDisk();
  const files = new MemoryFiles(disk);
  files.makeDirectory(anywhere, "/data", 0o755);
  prepareOn(files, scenario);
  disk.syncAll();
  return disk.moment();
}

/** Does the operation. */
export function perform(files: Files, scenario: Scenario): void {
  const engine = openStore(files, scenario.isInit === true);
  try {
    scenario.act(engine, files);
  } finally {
    engine.close();
  }
}
