import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Engine } from "../src/engine/engine.js";
import { linuxFiles } from "../src/platform/linux.js";
import { openStore } from "../src/store.js";
import { withCode } from "./errors.js";
import { temporaryDirectory } from "./temporary.js";

test("a program compares, reads, exports and imports through streams, which may be left half way", async (t) => {
  const place = temporaryDirectory(t);
  const source = `${place}/source`;
  mkdirSync(source);
  const content = Buffer.alloc(3_000_000, "content");
  writeFileSync(`${source}/file`, content);
  await using from = await openStore(`${place}/from`, { create: true });
  await using to = await openStore(`${place}/to`, { create: true });
  const { snapshot } = await from.snapshot(source, { name: "one" });
  writeFileSync(`${source}/other`, "");

  // A path that was given may lead through a symlink, as that of a snapshot may.
  symlinkSync(source, `${place}/linked`);
  const { problems, changes } = await from.diff("one", { directory: `${place}/linked` });
  assert.deepEqual(problems, []);
  const paths: string[] = [];
  for await (const change of changes) paths.push(Buffer.from(change.path).toString());
  assert.deepEqual(paths, ["", "other"]);
  await assert.rejects(from.diff("one", "none"), withCode("snapshot_not_found"));
  const unread = await from.diff("one", { directory: source });
  await unread.changes.return?.();
  assert.deepEqual(await unread.changes.next(), { value: undefined, done: true });
  assert.deepEqual(
    readdirSync(`${place}/from/locks`).filter((name) => name.startsWith("lease-")),
    [],
  );

  const pieces: Buffer[] = [];
  for await (const piece of from.read("one", Buffer.from("file"))) pieces.push(piece);
  assert.ok(Buffer.concat(pieces).equals(content));
  for await (const piece of from.read("one", Buffer.from("file"))) {
    assert.ok(piece.length < content.length);
    break;
  }

  const aborted = to.import(from.export(["one"]), { signal: AbortSignal.abort() });
  await assert.rejects(aborted, withCode("aborted"));
  const breaking = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of from.export(["one"])) yield piece.subarray(0, 100);
  };
  await assert.rejects(to.import(breaking()), withCode("bundle_invalid"));
  assert.deepEqual(await to.snapshots(), []);
  assert.deepEqual(
    (await to.import(from.export(["one"]))).map(({ id }) => id),
    [snapshot.id],
  );
  assert.equal((await to.list("one", Buffer.from("file"))).entry.sizeBytes, content.length);
  assert.equal((await to.log(Buffer.from("file"))).length, 1);
  assert.equal((await to.fsck({ readData: true })).ok, true);
});

test("engines in threads come and go beside one in the program's own thread", async (t) => {
  const directory = `${temporaryDirectory(t)}/store`;
  const own = Engine.open(linuxFiles, directory, { create: true });
  t.after(() => own.close());
  for (let round = 0; round < 4; round++) {
    const store = await openStore(directory);
    assert.deepEqual(await store.snapshots(), []);
    await store.close();
  }
});
