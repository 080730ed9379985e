import assert from "node:assert/strict";
import { test } from "node:test";
import { generateName, isUuid, nameKey, nameProblem } from "../../src/workspaces/names.js";

test("names are 1 to 64 characters of almost anything", () => {
  for (const name of [
    "a",
    "My Project",
    "über-Größe",
    "日本語",
    "a.b_c-d+e",
    "🚀",
    "x".repeat(64),
    "🚀".repeat(64),
    "50%",
  ])
    assert.equal(nameProblem(name), null, name);
});

test("names that paths, terminals or snapshots would trip over are refused", () => {
  const uuid = "2f1c6f0e-5d0c-4d0e-9a55-0c8a6d1f1b11";
  for (const name of [
    "",
    "x".repeat(65),
    "a/b",
    "a\\b",
    "a@b",
    "a\nb",
    "a\0b",
    "\u001b[31m",
    "a\u202eb",
    "\ud800",
    " a",
    "a ",
    ".",
    "..",
    uuid,
  ])
    assert.notEqual(nameProblem(name), null, JSON.stringify(name));
});

test("names differ only when more than case or the encoding of accents differs", () => {
  assert.equal(nameKey("My-Project"), nameKey("my-pROJECT"));
  assert.equal(nameKey("caf\u00e9"), nameKey("CAFE\u0301"));
  assert.notEqual(nameKey("a"), nameKey("b"));
});

test("a generated name is a name", () => {
  for (let i = 0; i < 100; i += 1) assert.equal(nameProblem(generateName()), null);
});

test("ids are recognised in any case", () => {
  assert.ok(isUuid("2F1C6F0E-5D0C-4D0E-9A55-0C8A6D1F1B11"));
  assert.ok(!isUuid("2f1c6f0e5d0c4d0e9a550c8a6d1f1b11"));
});
