import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { withCode } from "../errors.js";
import { makeStore } from "./made-store.js";

test("a snapshot whose record is missing is damage, not absence", (t) => {
  const { engine, root, source } = makeStore(t);
  const { snapshot } = engine.directories.snapshot({}, source, { name: "one" });
  rmSync(`${root}/snapshots/${snapshot.id}`);
  assert.throws(() => engine.directories.getSnapshot({}, "one"), withCode("corrupt"));
});
