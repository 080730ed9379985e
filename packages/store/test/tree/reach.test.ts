import assert from "node:assert/strict";
import { test } from "node:test";
import { digestKey } from "../../src/chunk/hash.js";
import { writeDirectory, writeRoot } from "../../src/tree/directory.js";
import type { DirectoryTreeEntry, FileEntry } from "../../src/tree/entry.js";
import { markTree } from "../../src/tree/reach.js";
import { MemoryObjects } from "./memory-objects.js";
import { plainMetadata } from "./plain-metadata.js";

function file(objects: MemoryObjects, name: string, bytes: Buffer): FileEntry {
  const content = { depth: 0, id: objects.put("data", bytes) };
  return { ...plainMetadata, type: "file", name: Buffer.from(name), sizeBytes: bytes.length, content };
}

test("a file with the bytes of a directory's node does not hide what the directory holds", () => {
  const objects = new MemoryObjects();
  const inner = writeDirectory(objects, [file(objects, "precious", Buffer.from("content"))]);
  const directory: DirectoryTreeEntry = {
    ...plainMetadata,
    type: "directory",
    name: Buffer.from("directory"),
    ...inner,
  };
  // Its name comes first, so it is met first.
  const twin = file(objects, "a-twin", objects.get(inner.id));
  const all = writeDirectory(objects, [twin, directory]);
  const tree = writeRoot(objects, { ...directory, ...all });
  const live = new Set<string>();
  markTree(objects, tree, live);
  for (const key of objects.objects.keys()) assert.ok(live.has(key));
  assert.ok(live.has(digestKey(tree)));
});
