import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { du, makeStore } from "../snapshot/made-store.js";

describe("what a store takes of its device", () => {
  test("is what du says, where nothing is shared", (t) => {
    const { engine, root, source } = makeStore(t);
    writeFileSync(`${source}/file`, Buffer.alloc(300_000, "content"));
    engine.directories.snapshot({}, source, { name: "one" });
    engine.disks.create({}, { id: "disk", driver: "directory" });
    const usage = engine.upkeep.physicalUsage({});
    // A memory filesystem does not tell.
    if (usage === null) return t.skip("needs a filesystem that tells extents");
    assert.equal(usage.allocatedBytes, du(root));
    assert.equal(usage.totalBytes, du(root));
    assert.deepEqual(
      usage.disks.map(({ id, exclusiveBytes }) => ({ id, exclusiveBytes })),
      [{ id: "disk", exclusiveBytes: engine.disks.usage({}, "disk").exclusiveBytes }],
    );
  });

  test("is not told where the filesystem does not know", (t) => {
    const { root } = makeStore(t);
    const engine = Engine.open({ ...linuxFiles, extents: () => null }, root, { create: false });
    t.after(() => engine.close());
    assert.equal(engine.upkeep.physicalUsage({}), null);
  });
});
