/** The operations of a store that are stopped everywhere, each with the store it starts from. */
import { Engine } from "../../src/engine/engine.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { Random } from "../random.js";
import { MemoryDisk, type Moment } from "./memory-disk.js";
import { MemoryFiles } from "./memory-files.js";

export const storeRoot = "/data/store";
export const sourceRoot = "/data/source";

export interface Scenario {
  name: string;
  prepare: (engine: Engine, files: Files) => void;
  act: (engine: Engine) => void;
  /** The store itself is what is made. */
  isInit?: boolean;
}

export function openStore(files: Files, create = false): Engine {
  return Engine.open(files, storeRoot, { create });
}

function put(files: Files, path: string, content: string | Buffer): void {
  try {
    files.unlink(anywhere, path);
  } catch {
    // It is new.
  }
  const fd = files.open(anywhere, path, { access: "create" });
  files.write(fd, Buffer.from(content), 0);
  files.close(fd);
}

const noise = (seed: number, length = 6_000): Buffer => new Random(seed).bytes(length);

/** Something of every kind, and files of several chunks. */
function makeSource(files: Files): void {
  files.makeDirectory(anywhere, sourceRoot, 0o755);
  files.makeDirectory(anywhere, `${sourceRoot}/directory`, 0o750);
  for (let n = 1; n <= 5; n++) put(files, `${sourceRoot}/file-${n}`, noise(n));
  put(files, `${sourceRoot}/directory/large`, Buffer.concat([noise(20, 70_000), Buffer.alloc(20_000)]));
  put(files, `${sourceRoot}/directory/linked`, "linked");
  files.link(anywhere, `${sourceRoot}/directory/linked`, anywhere, `${sourceRoot}/link`);
  files.makeSymlink(Buffer.from("file-1"), anywhere, `${sourceRoot}/symlink`);
  files.setXattr(anywhere, `${sourceRoot}/file-1`, Buffer.from("user.note"), Buffer.from("noted"));
}

/** Two snapshots of the source: what `old` alone has is most of its pack. */
function twoSnapshots(engine: Engine, files: Files): void {
  engine.snapshot({}, sourceRoot, { name: "old" });
  for (let n = 1; n <= 4; n++) put(files, `${sourceRoot}/file-${n}`, noise(n + 100));
  put(files, `${sourceRoot}/directory/large`, "no longer");
  engine.snapshot({}, sourceRoot, { name: "kept" });
}

/** Changes the upper as overlayfs would have. */
function onUpper(engine: Engine, files: Files, id: string, change: (upper: string) => void): void {
  const mount = engine.attachDisk({}, id);
  change(mount.driver === "overlay" ? mount.upper : mount.path);
  engine.detachDisk({}, id);
}

/** A disk with two snapshots, a clone of it, and something unsaved on it. */
function disks(engine: Engine, files: Files): void {
  engine.createDisk({}, { id: "one", directories: [{ path: "d/e", mode: 0o750 }] });
  onUpper(engine, files, "one", (upper) => {
    put(files, `${upper}/d/e/f`, noise(31));
    files.link(anywhere, `${upper}/d/e/f`, anywhere, `${upper}/link`);
    put(files, `${upper}/gone`, "gone");
  });
  engine.snapshotDisk({}, "one", { name: "s1" });
  onUpper(engine, files, "one", (upper) => {
    files.makeNode(anywhere, `${upper}/gone`, { type: "character", mode: 0, major: 0, minor: 0 });
    put(files, `${upper}/new`, "second");
  });
  engine.snapshotDisk({}, "one", { name: "s2" });
  engine.cloneDisk({}, "one", { id: "two" });
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

const nothing = (): void => undefined;

export const scenarios: readonly Scenario[] = [
  { name: "init", prepare: nothing, act: nothing, isInit: true },
  {
    name: "first snapshot",
    prepare: nothing,
    act: (engine) => engine.snapshot({}, sourceRoot, { name: "new" }),
  },
  {
    name: "second snapshot",
    prepare: (engine, files) => {
      engine.snapshot({}, sourceRoot, { name: "old" });
      put(files, `${sourceRoot}/file-1`, "changed");
    },
    act: (engine) => engine.snapshot({}, sourceRoot, { name: "new" }),
  },
  {
    name: "snapshot of what is stored already",
    prepare: (engine) => engine.snapshot({}, sourceRoot, { name: "old" }),
    act: (engine) => engine.snapshot({}, sourceRoot, { name: "new" }),
  },
  { name: "delete snapshot", prepare: twoSnapshots, act: (engine) => engine.deleteSnapshot({}, "old") },
  {
    name: "delete the last snapshot",
    prepare: (engine) => engine.snapshot({}, sourceRoot, { name: "old" }),
    act: (engine) => engine.deleteSnapshot({}, "old"),
  },
  {
    name: "create disk",
    prepare: disks,
    act: (engine) => engine.createDisk({}, { id: "new", directories: [{ path: "a/b", mode: 0o700 }] }),
  },
  {
    name: "create plain disk",
    prepare: nothing,
    act: (engine) =>
      engine.createDisk({}, { id: "new", driver: "directory", directories: [{ path: "a", mode: 0o700 }] }),
  },
  { name: "clone disk", prepare: disks, act: (engine) => engine.cloneDisk({}, "one", { id: "new" }) },
  {
    name: "clone an unchanged disk",
    prepare: disks,
    act: (engine) => engine.cloneDisk({}, "two", { id: "new" }),
  },
  {
    name: "clone of a snapshot",
    prepare: disks,
    act: (engine) => engine.cloneDisk({}, "one", { id: "new", snapshot: "s1" }),
  },
  {
    name: "clone of a snapshot by building a layer",
    prepare: (engine, files) => {
      disks(engine, files);
      forgetTrees(files);
    },
    act: (engine) => engine.cloneDisk({}, "one", { id: "new", snapshot: "s1" }),
  },
  { name: "snapshot disk", prepare: disks, act: (engine) => engine.snapshotDisk({}, "one", { name: "s3" }) },
  {
    name: "first snapshot of a disk",
    prepare: disks,
    act: (engine) => engine.snapshotDisk({}, "two", { name: "t1" }),
  },
  {
    name: "restore disk by restacking",
    prepare: disks,
    act: (engine) => engine.restoreDisk({}, "one", "s1", {}),
  },
  {
    name: "restore disk by building a layer",
    prepare: (engine, files) => {
      disks(engine, files);
      forgetTrees(files);
    },
    act: (engine) => engine.restoreDisk({}, "one", "s1", { undo: true }),
  },
  {
    name: "restore paths of a disk",
    prepare: disks,
    act: (engine) =>
      engine.restoreDisk({}, "one", "s1", { paths: [Buffer.from("gone"), Buffer.from("new")] }),
  },
  {
    name: "clone a plain disk",
    prepare: (engine, files) => {
      engine.createDisk({}, { id: "plain", driver: "directory" });
      onUpper(engine, files, "plain", (path) => put(files, `${path}/file`, noise(55)));
    },
    act: (engine) => engine.cloneDisk({}, "plain", { id: "new" }),
  },
  { name: "delete disk", prepare: disks, act: (engine) => engine.deleteDisk({}, "one") },
  {
    name: "collect layers",
    prepare: (engine, files) => {
      disks(engine, files);
      engine.deleteDisk({}, "two");
      engine.restoreDisk({}, "one", "s1", {});
    },
    act: (engine) => engine.gc({}, { dryRun: false }),
  },
];

/** The disk as the operation finds it, with nothing unsynced. */
export function prepared(scenario: Scenario): Moment {
  const disk = new MemoryDisk();
  const files = new MemoryFiles(disk);
  files.makeDirectory(anywhere, "/data", 0o755);
  makeSource(files);
  if (scenario.isInit !== true) {
    const engine = openStore(files, true);
    try {
      scenario.prepare(engine, files);
    } finally {
      engine.close();
    }
  }
  disk.syncAll();
  return disk.moment();
}
