import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { layoutOf } from "../../src/layout.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { createStore, requireStore } from "../../src/snapshot/format-file.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

test("a store is only opened when format.json says that it is one of this version", (t) => {
  const root = `${temporaryDirectory(t)}/store`;
  createStore(linuxFiles, root);
  const right = readFileSync(`${root}/format.json`, "utf8");
  const fields = JSON.parse(right) as Record<string, unknown>;
  const refused = (content: string, code: Parameters<typeof withCode>[0]): void => {
    writeFileSync(`${root}/format.json`, content);
    assert.throws(() => requireStore(linuxFiles, root, layoutOf(root)), withCode(code), content);
  };
  refused(right.slice(0, -5), "corrupt");
  refused(JSON.stringify({ ...fields, format: "another" }), "not_a_store");
  refused(JSON.stringify({ ...fields, version: 2 }), "store_version_unsupported");
  refused(JSON.stringify({ ...fields, hash: "md5" }), "corrupt");
  writeFileSync(`${root}/format.json`, right);
  requireStore(linuxFiles, root, layoutOf(root));
  rmSync(`${root}/format.json`);
  assert.throws(() => requireStore(linuxFiles, root, layoutOf(root)), withCode("not_a_store"));
});
