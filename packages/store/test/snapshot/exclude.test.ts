import assert from "node:assert/strict";
import { test } from "node:test";
import { excludePatterns } from "../../src/snapshot/exclude.js";

test("patterns are those of gitignore, which tell upper case from lower", () => {
  const isExcluded = excludePatterns(["build/", "*.tmp", "!kept.tmp"]);
  const excluded = (path: string, isDirectory = false): boolean | undefined =>
    isExcluded?.(Buffer.from(path), isDirectory);
  assert.equal(excluded("a/build", true), true);
  assert.equal(excluded("a/build"), false);
  assert.equal(excluded("a/notes.tmp"), true);
  assert.equal(excluded("a/kept.tmp"), false);
  assert.equal(excluded("a/Build", true), false);
  assert.equal(excluded("a/NOTES.TMP"), false);
});

test("without patterns nothing is excluded", () => {
  assert.equal(excludePatterns([]), null);
});
