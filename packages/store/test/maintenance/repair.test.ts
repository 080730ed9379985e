import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { FsckReport, RepairReport } from "../../src/api.js";
import type { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { withCode } from "../errors.js";
import { unsyncedFiles } from "../platform/faulty-files.js";
import { Random } from "../random.js";
import { MemoryDisk } from "../simulation/memory-disk.js";
import { kernelError, MemoryFiles } from "../simulation/memory-files.js";
import { repairs } from "../simulation/repairs.js";
import type { Scenario } from "../simulation/scenario.js";
import { perform, prepared } from "../simulation/scenarios.js";
import { openStore, sourceRoot, storeRoot } from "../simulation/sources.js";
import { du, findings, makeStore, type MadeStore } from "../snapshot/made-store.js";
import { filesIn, makeSmallStore } from "./forged.js";

function repaired(engine: Engine): FsckReport & { repair: RepairReport } {
  const report = engine.upkeep.fsck({}, { readData: false, repair: true });
  assert.ok(report.repair);
  return { ...report, repair: report.repair };
}

/** Every file of the store with its content, without the locks, which come when they are first taken. */
function contentOf(root: string): Map<string, string> {
  return new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("/locks"))
      .map(({ parentPath, name }) => [`${parentPath}/${name}`, readFileSync(`${parentPath}/${name}`, "hex")]),
  );
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(path, bytes);
}

/** Thirty files of noise in one pack, which is stored raw, and text in another, which is not. */
function makeManyFiles(t: TestContext): MadeStore & { noisePack: string; textPack: string } {
  const made = makeStore(t, unsyncedFiles);
  const { engine, root, source } = made;
  const random = new Random(3);
  const packWith = (write: () => void, name: string): string => {
    const before = new Set(filesIn(`${root}/packs`));
    write();
    engine.directories.snapshot({}, source, { name });
    const added = filesIn(`${root}/packs`).filter((path) => !before.has(path));
    return added.find((path) => !readFileSync(path).includes("CHSRTREE")) as string;
  };
  const noisePack = packWith(() => {
    for (let n = 0; n < 30; n++) writeFileSync(`${source}/noise-${n}`, random.bytes(10_000));
  }, "noise");
  const textPack = packWith(() => {
    for (let n = 0; n < 30; n++) writeFileSync(`${source}/text-${n}`, `text ${n} `.repeat(2000));
  }, "text");
  return { ...made, noisePack, textPack };
}

const namesOf = (report: FsckReport): string[] =>
  [...new Set(report.repair?.remaining.flatMap(({ snapshots }) => snapshots))].sort();

/** A snapshot of the source, with which every snapshot must be whole again. */
function turnsUpAgain({ again, source, place }: MadeStore): void {
  again().directories.snapshot({}, source, { name: "again" });
  assert.deepEqual(findings(again()), []);
  for (const { name } of again().directories.listSnapshots({})) {
    const { problems } = again().directories.restore({}, name, `${place}/${name}`, {});
    assert.deepEqual(problems, []);
  }
}

describe("a repair", () => {
  test("of a store that is whole changes nothing", (t) => {
    const { root, again } = makeSmallStore(t);
    const before = contentOf(root);
    const { ok, repair } = repaired(again());
    assert.equal(ok, true);
    assert.deepEqual([repair.quarantined, repair.remaining, repair.indexRebuilt], [[], [], false]);
    assert.deepEqual(contentOf(root), before);
  });

  test("makes the index from the packs, whatever became of it", (t) => {
    const { root, again } = makeSmallStore(t);
    for (const damage of [(path: string) => flip(path, 40), (path: string) => truncateSync(path, 10)]) {
      for (const path of filesIn(`${root}/index`)) damage(path);
      assert.equal(repaired(again()).repair.indexRebuilt, true);
      assert.deepEqual(findings(again()), []);
      assert.equal(filesIn(`${root}/index`).length, 1);
    }
    assert.deepEqual(readdirSync(root).includes("quarantine"), false);
  });

  test("keeps a damaged pack and takes over what is whole in it", (t) => {
    const made = makeManyFiles(t);
    const { again, noisePack, root } = made;
    const damaged = readFileSync(noisePack);
    damaged[15_000] = (damaged[15_000] as number) ^ 1;
    writeFileSync(noisePack, damaged);
    const report = repaired(again());
    const { savedChunks, lostChunks, quarantined } = report.repair;
    assert.deepEqual([savedChunks, lostChunks], [29, 1]);
    assert.deepEqual(quarantined, [`quarantine/packs~${noisePack.slice(-69)}`]);
    assert.deepEqual(readFileSync(`${root}/${quarantined[0] as string}`), damaged);
    assert.equal(report.ok, false);
    assert.deepEqual(namesOf(report), ["noise", "text"]);
    assert.equal(report.repair.remaining.length, 1);
    turnsUpAgain(made);
    assert.deepEqual(filesIn(`${root}/quarantine`).length, 1);
  });

  test("finds the objects of a pack without tables by what the index says", (t) => {
    const made = makeManyFiles(t);
    const { again, noisePack, textPack } = made;
    for (const pack of [noisePack, textPack]) truncateSync(pack, readFileSync(pack).length - 1000);
    const { savedChunks, lostChunks } = repaired(again()).repair;
    // What was cut off were tables, and no more.
    assert.deepEqual([savedChunks, lostChunks], [60, 0]);
    assert.deepEqual(findings(again()), []);
    turnsUpAgain(made);
  });

  test("finds them by the tables when there is no index, one of whose numbers is wrong", (t) => {
    for (const number of [0, 4, 8]) {
      const { again, noisePack, root } = makeManyFiles(t);
      for (const path of filesIn(`${root}/index`)) rmSync(path);
      flip(noisePack, readFileSync(noisePack).length - 56 + number);
      const { savedChunks, lostChunks } = repaired(again()).repair;
      assert.deepEqual([savedChunks, lostChunks], [30, 0], `number at ${number}`);
    }
  });

  test("of a pack that says nothing any more loses what it held, until it turns up again", (t) => {
    const made = makeManyFiles(t);
    const { again, noisePack, root } = made;
    for (const path of filesIn(`${root}/index`)) rmSync(path);
    truncateSync(noisePack, 0);
    const report = repaired(again());
    assert.equal(report.repair.savedChunks, 0);
    assert.deepEqual(namesOf(report), ["noise", "text"]);
    turnsUpAgain(made);
  });

  test("of a pack that is gone lets its content be stored again", (t) => {
    for (const kind of ["dataPack", "treePack"] as const) {
      const made = makeSmallStore(t);
      rmSync(made[kind]);
      const report = repaired(made.again());
      assert.equal(report.ok, false);
      assert.ok(report.repair.lostChunks >= 2);
      turnsUpAgain(made);
    }
  });

  test("forgets which files were seen before, since their content may be what is missing", () => {
    // Here the clock says that the files have not changed for long, so that they would not be read again.
    const disk = new MemoryDisk(
      prepared({
        name: "",
        prepare: (engine) => engine.directories.snapshot({}, sourceRoot, { name: "old" }),
        act: () => undefined,
      }),
    );
    const files = new MemoryFiles(disk);
    const engine = openStore(files);
    const packs = files.open(anywhere, `${storeRoot}/packs`, { directory: true });
    for (const { name } of files.list(packs)) {
      const fd = files.open(packs, name, { access: "readwrite" });
      const header = Buffer.alloc(16);
      files.read(fd, header, 0);
      // Data packs only.
      if (header[12] === 1) files.truncate(fd, 100);
      files.close(fd);
    }
    files.close(packs);
    assert.ok(repaired(engine).repair.lostChunks > 0);
    engine.directories.snapshot({}, sourceRoot, { name: "new" });
    assert.deepEqual(findings(engine), []);
    engine.directories.restore({}, "old", "/data/restored", {});
    engine.close();
  });

  test("gives nothing up for a read that fails once", () => {
    const scenario = repairs[0] as Scenario;
    const start = prepared(scenario);
    const performFailing = (disk: MemoryDisk, failing: number): number => {
      let reads = 0;
      const before = (operation: keyof Files): void => {
        if (operation === "read" && ++reads === failing) throw kernelError("EIO", operation);
      };
      try {
        perform(new MemoryFiles(disk, { before }), scenario);
      } catch (error) {
        // One that was ended by it is begun again.
        assert.ok(error instanceof StoreError && failing < Infinity, `read ${failing}: ${String(error)}`);
      }
      return reads;
    };
    const reads = performFailing(new MemoryDisk(start), Infinity);
    assert.ok(reads > 10);
    for (let failing = 1; failing <= reads; failing++) {
      const disk = new MemoryDisk(start);
      performFailing(disk, failing);
      const engine = openStore(new MemoryFiles(disk));
      assert.deepEqual(repaired(engine).repair.remaining, [], `read ${failing}`);
      engine.close();
    }
  });

  test("leads a damaged ref back to its record", (t) => {
    const { ref, record, again } = makeSmallStore(t);
    writeFileSync(ref, "garbage");
    const { ok, repair } = repaired(again());
    assert.equal(ok, true);
    assert.deepEqual(repair.restoredRefs, [`refs/snapshots/${ref.slice(-32)}`]);
    assert.equal(readFileSync(ref, "utf8"), `${record.slice(-64)}\n`);
  });

  test("leads no ref to a snapshot that was deleted, when its objects are gone", (t) => {
    const { ref, record, engine, again, root, source } = makeSmallStore(t);
    const [bytes, id] = [readFileSync(record), record.slice(-64)];
    engine.directories.deleteSnapshot({}, "whole");
    writeFileSync(`${source}/small`, "changed");
    engine.directories.snapshot({}, source, { name: "whole" });
    const present = readFileSync(ref, "utf8");
    // What a stop between the two steps of deleting leaves.
    writeFileSync(`${root}/snapshots/${id}`, bytes);
    writeFileSync(ref, "garbage");
    assert.equal(repaired(again()).ok, true);
    assert.equal(readFileSync(ref, "utf8"), present);
  });

  test("takes a damaged record at its word where its tree says the same, and no further", (t) => {
    const { record, ref, again, root, engine } = makeSmallStore(t);
    const { tree, createdAtMs } = engine.directories.getSnapshot({}, "whole");
    const bytes = readFileSync(record);
    const treeAt = bytes.indexOf(Buffer.from(tree, "hex"));
    const timeAt = treeAt + 33;
    // A bit of the time, of which nothing else tells.
    flip(record, timeAt);
    const first = repaired(again());
    assert.equal(first.ok, true);
    assert.deepEqual(first.repair.restoredRefs.length, 1);
    assert.deepEqual(first.repair.quarantined, [`quarantine/snapshots~${record.slice(-64)}`]);
    const kept = again().directories.getSnapshot({}, "whole");
    assert.equal(kept.tree, tree);
    assert.notEqual(kept.createdAtMs, createdAtMs);
    // A bit of the tree's id: what it names now is nowhere.
    flip(`${root}/snapshots/${kept.id}`, treeAt);
    const second = repaired(again());
    assert.equal(second.ok, true);
    assert.deepEqual(again().directories.listSnapshots({}), []);
    const paths = [`snapshots~${kept.id}`, `refs~snapshots~${ref.slice(-32)}`].map(
      (name) => `quarantine/${name}`,
    );
    assert.deepEqual([...second.repair.quarantined].sort(), paths.sort());
  });

  test("puts files aside that mean nothing, and keeps those of an earlier repair", (t) => {
    const { root, again } = makeSmallStore(t);
    for (const content of ["first", "second"]) {
      writeFileSync(`${root}/packs/readme`, content);
      assert.equal(repaired(again()).ok, true);
    }
    assert.equal(readFileSync(`${root}/quarantine/packs~readme`, "utf8"), "first");
    assert.equal(readFileSync(`${root}/quarantine/packs~readme~2`, "utf8"), "second");
  });

  test("makes directories that are missing", (t) => {
    const { root, again, source } = makeSmallStore(t);
    for (const name of ["index", "layers", "trash", "refs/disks"])
      rmSync(`${root}/${name}`, { recursive: true });
    assert.equal(repaired(again()).ok, true);
    again().disks.create({}, { id: "one" });
    again().directories.snapshot({}, source, { name: "next" });
    assert.deepEqual(findings(again()), []);
  });

  test("that cannot bring a tree back leaves a store that tells its usage, and lets snapshots go", (t) => {
    const { root, again, source } = makeSmallStore(t);
    const before = filesIn(`${root}/packs`);
    writeFileSync(`${source}/small`, "changed");
    for (const name of ["next", "last"]) again().directories.snapshot({}, source, { name });
    for (const path of before) rmSync(path);
    assert.deepEqual(namesOf(repaired(again())).includes("whole"), true);
    const { onDiskBytes, deadBytes } = again().upkeep.usage({});
    assert.deepEqual([onDiskBytes, deadBytes], [du(root), 0]);
    const packs = filesIn(`${root}/packs`);
    again().directories.deleteSnapshot({}, "last");
    // Nobody can say what the damaged one needs, so all of it stays.
    assert.throws(() => again().upkeep.gc({}, { dryRun: false }), withCode("chunk_missing"));
    assert.deepEqual(filesIn(`${root}/packs`), packs);
    for (const name of ["whole", "next"]) again().directories.deleteSnapshot({}, name);
    again().upkeep.gc({}, { dryRun: false });
    assert.deepEqual([filesIn(`${root}/packs`), findings(again())], [[], []]);
  });

  test("leaves in quarantine what collection does not touch and usage counts", (t) => {
    const { root, again, dataPack } = makeSmallStore(t);
    flip(dataPack, 5000);
    repaired(again());
    again().directories.deleteSnapshot({}, "whole");
    again().upkeep.gc({}, { dryRun: false });
    assert.equal(filesIn(`${root}/quarantine`).length, 1);
    const usage = again().upkeep.usage({});
    assert.equal(usage.onDiskBytes, du(root));
    assert.ok(usage.overheadBytes > 300_000);
  });
});

describe("a repair of what a disk was", () => {
  /** A disk `one` with a snapshot `first` of a file, whose packs are gone. */
  function makeLossy(t: TestContext): MadeStore & { layer: string; tree: string } {
    const made = makeStore(t, unsyncedFiles);
    const { engine, root } = made;
    engine.disks.create({}, { id: "one" });
    const mount = engine.disks.attach({}, "one");
    assert.ok(mount.driver === "overlay");
    mkdirSync(`${mount.upper}/d`);
    writeFileSync(`${mount.upper}/d/file`, "content");
    engine.disks.detach({}, "one");
    const { tree } = engine.disks.snapshot({}, "one", { name: "first" }).snapshot;
    const [layer] = readdirSync(`${root}/layers`).filter((name) => name !== "empty");
    for (const path of filesIn(`${root}/packs`)) rmSync(path);
    return { ...made, layer: `${root}/layers/${layer as string}`, tree };
  }

  test("stores again what a layer still shows", (t) => {
    const { again, layer, tree, place } = makeLossy(t);
    assert.equal(repaired(again()).ok, true);
    assert.equal(readFileSync(`${layer}/tree`, "utf8"), `${tree}\n`);
    again().disks.clone({}, "one", { id: "two", snapshot: "first" });
    assert.ok(place.length > 0);
  });

  test("lets the next snapshot read a layer whose tree is not whole", (t) => {
    const { again, layer, root } = makeLossy(t);
    writeFileSync(`${layer}/files/d/file`, "other content");
    const report = repaired(again());
    assert.deepEqual(namesOf(report), ["one@first"]);
    assert.match(readFileSync(`${layer}/tree`, "latin1"), /^-{64}\n$/);
    again().disks.snapshot({}, "one", { name: "second" });
    const { repair } = repaired(again());
    assert.ok(repair.remaining.every(({ snapshots }) => !snapshots.includes("one@second")));
    writeFileSync(`${layer}/files/d/file`, "content");
    assert.ok(root.length > 0);
  });
});
