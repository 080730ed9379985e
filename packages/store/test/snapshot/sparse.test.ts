import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { test } from "node:test";
import { makeStore } from "./made-store.js";

test("a file of 10 TB that is nearly all hole costs what its data costs, both ways", (t) => {
  const { engine, source, place } = makeStore(t);
  const size = 10_000_000_000_000;
  const at = [0, 5_000_000_000, 9_999_999_999_990];
  const fd = openSync(`${source}/sparse`, "w");
  ftruncateSync(fd, size);
  for (const position of at) writeSync(fd, "fox", position);
  closeSync(fd);

  const { snapshot } = engine.directories.snapshot({}, source, { name: "sparse" });
  assert.equal(snapshot.logicalBytes, size);
  assert.ok(snapshot.newBytes < 10_000, `${snapshot.newBytes} bytes stored`);
  const { writtenBytes } = engine.directories.restore({}, "sparse", `${place}/restored`, {});
  assert.ok(writtenBytes < 20_000, `${writtenBytes} bytes written`);
  const restored = statSync(`${place}/restored/sparse`);
  assert.equal(restored.size, size);
  assert.equal(restored.blocks, statSync(`${source}/sparse`).blocks);
  const read = openSync(`${place}/restored/sparse`, "r");
  for (const position of at) {
    const bytes = Buffer.alloc(3);
    readSync(read, bytes, 0, 3, position);
    assert.equal(bytes.toString(), "fox");
  }
  closeSync(read);
});
