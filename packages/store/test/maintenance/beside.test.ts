/** Collection in one engine while another, as another process would, is in the middle of something. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Hooks } from "../../src/engine/hooks.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Lock } from "../../src/platform/lock.js";
import { Random, seedOfRun } from "../random.js";
import { findings, makeStore, type MadeStore } from "../snapshot/made-store.js";

/** Runs once, at the first step of which `isTime` says so. */
function once(run: () => void, isTime: (files: number) => boolean = () => true): Hooks & { ran: boolean } {
  const hooks = {
    ran: false,
    onProgress: ({ files }: { files: number }) => {
      if (hooks.ran || !isTime(files)) return;
      hooks.ran = true;
      run();
    },
  };
  return hooks;
}

function fill(made: MadeStore, names: string[], bytes = 5_000): Map<string, Buffer> {
  const random = new Random(seedOfRun());
  const contents = new Map(names.map((name) => [name, random.bytes(bytes)]));
  mkdirSync(made.source, { recursive: true });
  for (const [name, content] of contents) writeFileSync(`${made.source}/${name}`, content);
  return contents;
}

function holds(directory: string, contents: Map<string, Buffer>): void {
  assert.deepEqual(readdirSync(directory).sort(), [...contents.keys()].sort());
  for (const [name, content] of contents)
    assert.ok(readFileSync(`${directory}/${name}`).equals(content), name);
}

/** Takes the ref away, so that all of the snapshot is garbage that is still there. */
function forget({ root }: MadeStore): void {
  for (const name of readdirSync(`${root}/refs/snapshots`)) rmSync(`${root}/refs/snapshots/${name}`);
  rmSync(`${root}/cache`, { recursive: true, force: true });
}

const five = ["a", "b", "c", "d", "e"];

describe("collection beside a writer", () => {
  test("may take what the writer found stored; then the writer stores it again", (t) => {
    const made = makeStore(t);
    const contents = fill(made, five);
    made.engine.directories.snapshot({}, made.source, { name: "forgotten" });
    forget(made);
    const other = made.again();
    const hooks = once(
      () => assert.ok(other.upkeep.gc({}, { dryRun: false }).deletedPacks > 0),
      (files) => files === 4,
    );
    const { snapshot, problems } = made.engine.directories.snapshot(hooks, made.source, { name: "kept" });
    assert.ok(hooks.ran);
    assert.equal(snapshot.files, 5);
    assert.deepEqual(problems, []);
    assert.deepEqual(findings(other), []);
    other.directories.restore({}, "kept", `${made.place}/target`, {});
    holds(`${made.place}/target`, contents);
  });

  test("leaves the packs that the writer has written, and its unfinished files", (t) => {
    const made = makeStore(t);
    // More than one pack, also while frames are on their way to threads.
    const contents = fill(made, five, 12_000_000);
    const other = made.again();
    const hooks = once(
      () => {
        assert.equal(readdirSync(`${made.root}/packs`).filter((name) => name.endsWith(".pack")).length, 1);
        assert.equal(other.upkeep.gc({}, { dryRun: false }).deletedPacks, 0);
      },
      (files) => files === 4,
    );
    made.engine.directories.snapshot(hooks, made.source, { name: "kept" });
    assert.ok(hooks.ran);
    assert.deepEqual(findings(other), []);
    other.directories.restore({}, "kept", `${made.place}/target`, {});
    holds(`${made.place}/target`, contents);
  });

  test("waits while the writer names a pack that is full before the end", (t) => {
    const made = makeStore(t);
    fill(made, five, 9_000_000);
    const locked: boolean[] = [];
    const rename: typeof linuxFiles.rename = (from, name, to, newName) => {
      if (String(newName).endsWith(".pack")) {
        const lock = Lock.take(linuxFiles, `${made.root}/locks/objects`, "exclusive", { wait: false });
        locked.push(lock === null);
        lock?.release();
      }
      linuxFiles.rename(from, name, to, newName);
    };
    const engine = made.again({ ...linuxFiles, rename });
    engine.directories.snapshot({}, made.source, { name: "kept" });
    // The full one, the rest of the content, and the tree.
    assert.deepEqual(locked, [true, true, true]);
  });

  test("is not to have taken a pack that the writer had named; else the writer stores it again", (t) => {
    const made = makeStore(t);
    const contents = fill(made, five, 11_000_000);
    const hooks = once(
      () => {
        const packs = readdirSync(`${made.root}/packs`).filter((name) => name.endsWith(".pack"));
        assert.equal(packs.length, 1);
        rmSync(`${made.root}/packs/${packs[0]}`);
      },
      (files) => files === 4,
    );
    made.engine.directories.snapshot(hooks, made.source, { name: "kept" });
    assert.ok(hooks.ran);
    assert.deepEqual(findings(made.again()), []);
    made.again().directories.restore({}, "kept", `${made.place}/target`, {});
    holds(`${made.place}/target`, contents);
  });

  test("keeps the tree that a walk builds on", (t) => {
    const made = makeStore(t);
    const contents = fill(made, five);
    made.engine.directories.snapshot({}, made.source, { name: "before" });
    const other = made.again();
    const hooks = once(() => other.directories.deleteSnapshot({}, "before"));
    made.engine.directories.snapshot(hooks, made.source, { name: "kept" });
    assert.ok(hooks.ran);
    assert.deepEqual(findings(other), []);
    other.directories.restore({}, "kept", `${made.place}/target`, {});
    holds(`${made.place}/target`, contents);
  });
});

describe("collection beside a reader", () => {
  test("leaves what a restore reads until it ends, even when its snapshot is deleted", (t) => {
    const made = makeStore(t);
    const contents = fill(made, five);
    made.engine.directories.snapshot({}, made.source, { name: "read" });
    const other = made.again();
    const hooks = once(() => other.directories.deleteSnapshot({}, "read"));
    made.engine.directories.restore(hooks, "read", `${made.place}/target`, {});
    assert.ok(hooks.ran);
    holds(`${made.place}/target`, contents);
    assert.ok(readdirSync(`${made.root}/packs`).length > 0);
    other.upkeep.gc({}, { dryRun: false });
    assert.deepEqual(readdirSync(`${made.root}/packs`), []);
  });

  test("leaves what an open stream reads until it is closed", (t) => {
    const made = makeStore(t);
    const [content] = fill(made, ["a"], 3_000_000).values();
    made.engine.directories.snapshot({}, made.source, { name: "read" });
    const stream = made.engine.history.openRead({}, null, "read", Buffer.from("a"), {
      offset: 0,
      length: Infinity,
    });
    const pieces = [made.engine.streams.next({}, stream)];
    made.again().directories.deleteSnapshot({}, "read");
    for (
      let next = made.engine.streams.next({}, stream);
      next !== null;
      next = made.engine.streams.next({}, stream)
    ) {
      pieces.push(next);
    }
    assert.ok(Buffer.concat(pieces.map((next) => next?.piece as Buffer)).equals(content as Buffer));
    made.again().upkeep.gc({}, { dryRun: false });
    assert.deepEqual(readdirSync(`${made.root}/packs`), []);
  });

  test("follows what moved to other packs", (t) => {
    const made = makeStore(t);
    const { engine, source, place } = made;
    // Two frames of six, of which one goes.
    const names = Array.from({ length: 12 }, (_, n) => `file-${String(n).padStart(2, "0")}`);
    const contents = fill(made, names, 40_000);
    engine.directories.snapshot({}, source, { name: "all" });
    for (const name of names.slice(0, 6)) {
      rmSync(`${source}/${name}`);
      contents.delete(name);
    }
    engine.directories.snapshot({}, source, { name: "half" });
    const other = made.again();
    const hooks = once(() => other.directories.deleteSnapshot({}, "all"));
    const reader = made.again();
    reader.directories.restore(hooks, "half", `${place}/target`, {});
    assert.ok(hooks.ran);
    holds(`${place}/target`, contents);
    assert.deepEqual(findings(reader), []);
  });
});

test("what died on the way is swept by a collection when nobody writes", (t) => {
  const made = makeStore(t);
  fill(made, five);
  made.engine.directories.snapshot({}, made.source, { name: "one" });
  writeFileSync(`${made.root}/locks/lease-1-dead`, "writer\n");
  writeFileSync(`${made.root}/packs/.tmp-1-dead`, "unfinished");
  const packs = readdirSync(`${made.root}/packs`).filter((name) => name.endsWith(".pack"));
  const hooks = once(() => made.again().upkeep.gc({}, { dryRun: false }));
  made.engine.directories.snapshot(hooks, made.source, { name: "two" });
  assert.ok(hooks.ran);
  assert.deepEqual(
    readdirSync(`${made.root}/locks`).filter((name) => name.startsWith("lease-")),
    [],
  );
  assert.ok(readdirSync(`${made.root}/packs`).includes(".tmp-1-dead"), "somebody wrote");
  made.engine.upkeep.gc({}, { dryRun: false });
  assert.deepEqual(readdirSync(`${made.root}/packs`).sort(), packs.sort());
});

test("what two writers stored at once is there once after a collection", (t) => {
  const made = makeStore(t);
  const contents = fill(made, five, 30_000);
  const other = made.again();
  // The other one stores a file more, or both would write the very same pack.
  const twoStore = (): void => {
    writeFileSync(`${made.source}/0`, "passed over");
    other.directories.snapshot({}, made.source, { name: "first" });
    rmSync(`${made.source}/0`);
  };
  const hooks = once(twoStore, (files) => files === 4);
  made.engine.directories.snapshot(hooks, made.source, { name: "second" });
  assert.ok(hooks.ran);
  const packs = (): string[] => readdirSync(`${made.root}/packs`).filter((name) => name.endsWith(".pack"));
  const bytes = (): number =>
    packs().reduce((total, name) => total + statSync(`${made.root}/packs/${name}`).size, 0);
  const stored = bytes();
  other.upkeep.gc({}, { dryRun: false });
  assert.ok(bytes() < 0.6 * stored, `${stored} bytes became ${bytes()}`);
  assert.deepEqual(findings(other), []);
  made.again().directories.restore({}, "second", `${made.place}/target`, {});
  holds(`${made.place}/target`, contents);
});

test("a collection leaves what came to be needed after it had made its plan", (t) => {
  const made = makeStore(t);
  const { root, source, place } = made;
  // Three frames of six.
  const names = Array.from({ length: 18 }, (_, n) => `file-${String(n).padStart(2, "0")}`);
  const contents = fill(made, names, 40_000);
  made.engine.directories.snapshot({}, source, { name: "all" });
  const firstSix = names.slice(0, 6);
  for (const name of firstSix) rmSync(`${source}/${name}`);
  made.engine.directories.snapshot({}, source, { name: "most" });
  const record = made.engine.directories.getSnapshot({}, "all").id;
  for (const name of readdirSync(`${root}/refs/snapshots`)) {
    const path = `${root}/refs/snapshots/${name}`;
    if (readFileSync(path, "latin1").startsWith(record)) rmSync(path);
  }
  for (const name of firstSix) writeFileSync(`${source}/${name}`, contents.get(name) as Buffer);
  const other = made.again();
  let ran = false;
  const onProgress = (): void => {
    // It is moving what it keeps.
    if (ran || !readdirSync(`${root}/packs`).some((name) => name.startsWith(".tmp-"))) return;
    ran = true;
    other.directories.snapshot({}, source, { name: "all again" });
  };
  made.engine.upkeep.gc({ onProgress }, { dryRun: false });
  assert.ok(ran);
  assert.deepEqual(findings(other), []);
  made.again().directories.restore({}, "all again", `${place}/target`, {});
  holds(`${place}/target`, contents);
});
