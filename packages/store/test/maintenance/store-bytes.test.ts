import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { Engine } from "../../src/engine/engine.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Random, seedOfRun } from "../random.js";
import { du, makeStore } from "../snapshot/made-store.js";

/** Longer than a time that a stamp does not trust yet. */
const settledMs = 120;

function audited(engine: Engine): string[] {
  return engine.upkeep.usage({}, { audit: true }).audit?.differences ?? ["none"];
}

describe("the bytes of a store with disks", () => {
  test("are what du says, asked by one engine that remembers, one that does not, and one that reads what was kept", async (t) => {
    const { engine, root } = makeStore(t);
    const random = new Random(seedOfRun());
    const disks: string[] = [];
    const attached = new Map<string, string>();
    let other = Engine.open(linuxFiles, root, { create: false });
    t.after(() => other.close());
    for (let step = 0; step < 60; step++) {
      const id = disks.length > 0 ? random.pick(disks) : null;
      const kind = random.below(8);
      if (id === null || kind === 0) {
        const fresh = `disk-${step}`;
        const driver = random.chance(0.3) ? "directory" : "overlay";
        engine.disks.create({}, { id: fresh, driver });
        disks.push(fresh);
      } else if (kind === 1 && !attached.has(id)) {
        const copy = `copy-${step}`;
        engine.disks.clone({}, id, { id: copy });
        disks.push(copy);
      } else if (kind === 2 && !attached.has(id)) {
        engine.disks.delete({}, id);
        disks.splice(disks.indexOf(id), 1);
      } else if (kind === 3 && !attached.has(id)) {
        engine.disks.snapshot({}, id, { name: `at-${step}` });
      } else if (kind === 4 && attached.has(id)) {
        engine.disks.detach({}, id);
        attached.delete(id);
      } else {
        const at = attached.get(id) ?? upperOf(engine, id);
        attached.set(id, at);
        const path = `${at}/${random.below(3)}`;
        mkdirSync(path, { recursive: true });
        writeFileSync(`${path}/${random.below(4)}`, random.bytes(random.below(400_000)));
        if (random.chance(0.3)) rmSync(`${path}/${random.below(4)}`, { force: true });
      }
      if (random.chance(0.3)) await pause(settledMs);
      if (random.chance(0.2)) {
        other.close();
        other = Engine.open(linuxFiles, root, { create: false });
      }
      for (const asked of [engine, other]) {
        const usage = asked.upkeep.usage({});
        const { chunkBytes, deadBytes, layerBytes, diskBytes, overheadBytes, onDiskBytes } = usage;
        assert.equal(onDiskBytes, du(root), `seed ${random.seed}, step ${step}`);
        assert.equal(chunkBytes + deadBytes + layerBytes + diskBytes + overheadBytes, onDiskBytes);
        // What has settled since is kept now, which takes space, too.
        assert.equal(asked.upkeep.onDiskBytes({}), du(root), `seed ${random.seed}, step ${step}`);
      }
    }
    assert.deepEqual(audited(engine), [], `seed ${random.seed}`);
    for (const usage of engine.disks.usages({}))
      assert.deepEqual({ id: usage.id, ...engine.disks.usage({}, usage.id) }, usage);
  });

  test("see what was written to a disk by a process that died", async (t) => {
    const { engine, root } = makeStore(t);
    engine.disks.create({}, { id: "disk", driver: "directory" });
    await pause(settledMs);
    engine.upkeep.usage({});
    const dying = Engine.open(linuxFiles, root, { create: false });
    const path = upperOf(dying, "disk");
    writeFileSync(`${path}/file`, Buffer.alloc(100_000, "x"));
    await pause(settledMs);
    assert.equal(engine.upkeep.onDiskBytes({}), du(root));
    writeFileSync(`${path}/more`, Buffer.alloc(100_000, "x"));
    // Its locks end with it, and nothing else does.
    dying.close();
    await pause(settledMs);
    assert.equal(engine.upkeep.onDiskBytes({}), du(root));
  });

  test("are kept across processes, and an audit finds figures that were forged", async (t) => {
    const { engine, root } = makeStore(t);
    engine.disks.create({}, { id: "disk", driver: "directory" });
    writeFileSync(`${upperOf(engine, "disk")}/file`, Buffer.alloc(1_000_000, "x"));
    engine.disks.detach({}, "disk");
    await pause(settledMs);
    engine.upkeep.usage({});
    const path = `${root}/cache/figures`;
    const body = readFileSync(path, "utf8").slice(65);
    assert.match(body, /disks\/disk/);
    const forged = body.replace(/(disks\/disk \S+) \d+/, "$1 5000000");
    assert.notEqual(forged, body);
    writeFileSync(path, `${hash(Buffer.from(forged)).toString("hex")}\n${forged}`);
    const fresh = Engine.open(linuxFiles, root, { create: false });
    t.after(() => fresh.close());
    assert.match(audited(fresh).join(), /walk of the store/);
    assert.deepEqual(audited(fresh), []);
    writeFileSync(path, "not what was kept");
    const again = Engine.open(linuxFiles, root, { create: false });
    t.after(() => again.close());
    assert.equal(again.upkeep.onDiskBytes({}), du(root));
  });
});

function upperOf(engine: Engine, id: string): string {
  const mount = engine.disks.attach({}, id);
  return mount.driver === "overlay" ? mount.upper : mount.path;
}
