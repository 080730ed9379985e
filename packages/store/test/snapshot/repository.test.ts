import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { linuxFiles } from "../../src/platform/linux.js";
import { Repository } from "../../src/snapshot/repository.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";
import { makeStore } from "./made-store.js";

test("a store is only opened when format.json says that it is one of this version", (t) => {
  const root = `${temporaryDirectory(t)}/store`;
  Repository.create(linuxFiles, root);
  const right = readFileSync(`${root}/format.json`, "utf8");
  const fields = JSON.parse(right) as Record<string, unknown>;
  const refused = (content: string, code: Parameters<typeof withCode>[0]): void => {
    writeFileSync(`${root}/format.json`, content);
    assert.throws(() => Repository.open(linuxFiles, root), withCode(code), content);
  };
  refused(right.slice(0, -5), "corrupt");
  refused(JSON.stringify({ ...fields, format: "another" }), "not_a_store");
  refused(JSON.stringify({ ...fields, version: 2 }), "store_version_unsupported");
  refused(JSON.stringify({ ...fields, hash: "md5" }), "corrupt");
  writeFileSync(`${root}/format.json`, right);
  Repository.open(linuxFiles, root).close();
  rmSync(`${root}/format.json`);
  assert.throws(() => Repository.open(linuxFiles, root), withCode("not_a_store"));
});

test("a snapshot whose record is missing is damage, not absence", (t) => {
  const { engine, root, source } = makeStore(t);
  const { snapshot } = engine.directories.snapshot({}, source, { name: "one" });
  rmSync(`${root}/snapshots/${snapshot.id}`);
  assert.throws(() => engine.directories.getSnapshot({}, "one"), withCode("corrupt"));
});
