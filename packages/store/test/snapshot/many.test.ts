import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import type { TreeChange } from "../../src/api.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { removeDirectory, temporaryDirectoryInMemory } from "../disk/mounted.js";
import { depth } from "../simulation/share.js";

/** Enough for a tree of nodes in `npm test`; `npm run test:deep` takes all that is promised. */
const entryCount = depth === 1 ? 30_000 : 100_000;
/** So many names for each file, because a filesystem may allow one no more than 65,000. */
const namesOfFile = 10;

test(`a directory of ${entryCount} entries is stored, compared, listed and restored`, (t) => {
  const place = temporaryDirectoryInMemory();
  t.after(() => removeDirectory(place));
  const source = `${place}/source`;
  fs.mkdirSync(source);
  const nameOf = (n: number): string => `entry-${(n * 7919) % entryCount}`;
  for (let n = 0; n < entryCount; n++) {
    const first = `${source}/${nameOf(n - (n % namesOfFile))}`;
    if (n % namesOfFile === 0) fs.writeFileSync(first, `content ${n}`);
    else fs.linkSync(first, `${source}/${nameOf(n)}`);
  }
  const engine = Engine.open(linuxFiles, `${place}/store`, { create: true });
  t.after(() => engine.close());

  const whole = engine.directories.snapshot({}, source, { name: "whole" });
  assert.deepEqual([whole.snapshot.files, whole.problems.length], [entryCount, 0]);
  assert.equal(engine.history.list({}, null, "whole", Buffer.alloc(0)).entries?.length, entryCount);

  fs.unlinkSync(`${source}/entry-7777`);
  fs.writeFileSync(`${source}/entry-new`, "");
  const { snapshot } = engine.directories.snapshot({}, source, { name: "changed" });
  assert.ok(
    snapshot.newBytes < whole.snapshot.newBytes / 4,
    `${snapshot.newBytes} of ${whole.snapshot.newBytes}`,
  );
  const { stream } = engine.history.openDiff({}, "whole", "changed", {});
  const changes = engine.streams.next({}, stream)?.piece as TreeChange[];
  assert.equal(engine.streams.next({}, stream), null);
  const names = (kind: string): string[] =>
    changes.filter((one) => one.kind === kind).map(({ path }) => Buffer.from(path).toString());
  assert.deepEqual([names("removed"), names("added")], [["entry-7777"], ["entry-new"]]);

  const { created } = engine.directories.restore({}, "whole", `${place}/restored`, {});
  assert.equal(created, entryCount);
  const again = engine.directories.snapshot({}, `${place}/restored`, { name: "again" });
  assert.equal(again.snapshot.tree, whole.snapshot.tree);
});
