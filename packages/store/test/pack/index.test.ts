import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { PackId } from "../../src/ids.js";
import { hash } from "../../src/chunk/hash.js";
import { indexSegmentsMax } from "../../src/limits.js";
import { PackIndex, packsIn } from "../../src/pack/index.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { temporaryDirectory } from "../temporary.js";
import { makePack, type MadePack } from "./made-pack.js";

function place(t: TestContext) {
  const root = temporaryDirectory(t);
  const packs = `${root}/packs`;
  const index = `${root}/index`;
  mkdirSync(packs);
  mkdirSync(index);
  return {
    packs,
    index,
    open: (files = linuxFiles, looseRowsMax?: number) => {
      const opened = PackIndex.open(files, packs, index, looseRowsMax);
      t.after(() => opened.close());
      return opened;
    },
    segments: () => readdirSync(index).map((name) => `${index}/${name}`),
  };
}

const content = (name: string): Buffer => Buffer.from(`the content of ${name}`);
const packOf = (here: { packs: string }, ...names: string[]): MadePack =>
  makePack(here.packs, names.map(content));
const find = (index: PackIndex, name: string) => index.find(hash(content(name)))?.pack ?? null;

test("an empty store has an index without anything", (t) => {
  const index = place(t).open();
  assert.deepEqual(index.packs(), []);
  assert.equal(find(index, "fox"), null);
});

test("a pack that no segment names is read itself", (t) => {
  const here = place(t);
  const { pack } = packOf(here, "fox");
  assert.equal(find(here.open(), "fox"), pack.id);
});

test("save writes a segment, from which another process knows the pack", (t) => {
  const here = place(t);
  const made = packOf(here, "fox");
  here.open().save();
  assert.equal(here.segments().length, 1);
  // Were the pack's own contents read, they would be found damaged.
  truncateSync(made.path, 10);
  assert.equal(find(here.open(), "fox"), made.pack.id);
});

test("the name of a pack that another process wrote is durable before a segment says that it is there", (t) => {
  const here = place(t);
  packOf(here, "fox");
  const steps: string[] = [];
  const files: Files = {
    ...linuxFiles,
    sync(fd) {
      steps.push(`sync ${readlinkSync(`/proc/self/fd/${fd}`)}`);
      linuxFiles.sync(fd);
    },
    rename(from, name, to, newName) {
      steps.push("rename");
      linuxFiles.rename(from, name, to, newName);
    },
  };
  here.open(files).save();
  const named = steps.slice(0, steps.indexOf("rename"));
  assert.ok(named.includes(`sync ${realpathSync(here.packs)}`), steps.join(", "));
});

test("save without news writes nothing", (t) => {
  const here = place(t);
  packOf(here, "fox");
  const index = here.open();
  index.save();
  const before = here.segments();
  index.save();
  assert.deepEqual(here.segments(), before);
});

test("reload sees what others wrote, indexed or not, and what they removed", (t) => {
  const here = place(t);
  const mine = here.open();
  const indexed = packOf(here, "fox");
  here.open().save();
  const loose = packOf(here, "badger");
  assert.equal(find(mine, "fox"), null);
  mine.reload();
  assert.equal(find(mine, "fox"), indexed.pack.id);
  assert.equal(find(mine, "badger"), loose.pack.id);

  here.open().drop(new Set([indexed.pack.id]));
  rmSync(indexed.path);
  mine.reload();
  assert.equal(find(mine, "fox"), null);
  assert.equal(find(mine, "badger"), loose.pack.id);
});

test("reload without news opens no file", (t) => {
  const here = place(t);
  packOf(here, "fox");
  here.open().save();
  const damaged = packOf(here, "stoat");
  truncateSync(damaged.path, 10);
  let opened = 0;
  const files: Files = {
    ...linuxFiles,
    open(directory, name, options) {
      if (options?.directory !== true) opened += 1;
      return linuxFiles.open(directory, name, options);
    },
  };
  const index = here.open(files);
  assert.ok(opened > 0);
  opened = 0;
  assert.equal(index.reload(), false);
  assert.equal(opened, 0);
  packOf(here, "badger");
  assert.equal(index.reload(), true);
  assert.equal(opened, 2, "the new pack, and the one that could not be read");
});

test("many packs that no segment names become a segment before anybody saves", (t) => {
  const here = place(t);
  const index = here.open(linuxFiles, 10);
  for (let n = 0; n < 4; n++) {
    assert.equal(here.segments().length, 0);
    index.addPack(packOf(here, `${n}.0`, `${n}.1`, `${n}.2`).pack);
  }
  assert.equal(here.segments().length, 1);
  for (const seen of [index, here.open()])
    for (let n = 0; n < 4; n++) assert.notEqual(find(seen, `${n}.2`), null);
});

test("a snapshot that was given up leaves packs; once these are collected, they are forgotten", (t) => {
  const here = place(t);
  const index = here.open();
  const fox = packOf(here, "fox");
  const badger = packOf(here, "badger");
  index.addPack(fox.pack);
  index.addPack(badger.pack);
  rmSync(fox.path);
  index.reload();
  assert.equal(find(index, "fox"), null);
  assert.equal(find(index, "badger"), badger.pack.id);
});

test("segments are merged, so that there are never many", (t) => {
  const here = place(t);
  for (let n = 0; n < 40; n++) {
    packOf(here, ...Array.from({ length: 1 + (n % 7) }, (_, m) => `${n}.${m}`));
    here.open().save();
    assert.ok(here.segments().length <= indexSegmentsMax, `${here.segments().length} segments`);
  }
  const index = here.open();
  for (let n = 0; n < 40; n++) assert.notEqual(find(index, `${n}.0`), null);
  assert.equal(index.packs().length, 40);
});

test("two that merge at the same time lose nothing", (t) => {
  const here = place(t);
  packOf(here, "fox");
  here.open().save();
  const one = here.open();
  const other = here.open();
  one.addPack(packOf(here, "badger").pack);
  other.addPack(packOf(here, "stoat").pack);
  one.save();
  other.save();
  const index = here.open();
  for (const name of ["fox", "badger", "stoat"]) assert.notEqual(find(index, name), null);
});

test("what a segment says of a pack that is gone does not count, and is not carried on", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox", "shared");
  const badger = packOf(here, "badger");
  here.open().save();
  rmSync(fox.path);
  const index = here.open();
  assert.equal(find(index, "fox"), null);
  assert.ok(!index.has(hash(content("fox"))));
  assert.equal(find(index, "badger"), badger.pack.id);
  // As large as the segment, so that the two are merged.
  const again = packOf(here, "shared", "stoat", "otter");
  index.addPack(again.pack);
  index.save();
  for (const opened of [index, here.open()]) {
    assert.equal(find(opened, "shared"), again.pack.id);
    assert.equal(find(opened, "fox"), null);
    assert.ok(!opened.packs().some(({ id }) => id === fox.pack.id));
  }
});

test("a pack that was gone and is written again counts", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox");
  here.open().save();
  rmSync(fox.path);
  const index = here.open();
  assert.equal(find(index, "fox"), null);
  const again = packOf(here, "fox");
  assert.equal(again.pack.id, fox.pack.id);
  index.addPack(again.pack);
  index.save();
  for (const opened of [index, here.open()]) {
    assert.equal(find(opened, "fox"), fox.pack.id);
    assert.ok(opened.has(hash(content("fox"))));
  }
});

test("rebuild replaces all that was said by what the given packs say, damaged segments included", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox");
  here.open().save();
  const badger = packOf(here, "badger");
  writeFileSync(`${here.index}/${"0".repeat(32)}.idx`, "not a segment");
  const index = here.open();
  index.rebuild([badger.pack]);
  assert.equal(here.segments().length, 1);
  assert.equal(find(index, "badger"), badger.pack.id);
  assert.equal(find(index, "fox"), null);
  rmSync(fox.path);
  // Told by the segment and not by the pack, which could not be read any more.
  truncateSync(badger.path, 10);
  assert.equal(find(here.open(), "badger"), badger.pack.id);
});

test("drop forgets packs, durably, and nothing else", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox", "shared");
  const badger = packOf(here, "badger");
  const index = here.open();
  index.save();
  index.drop(new Set([fox.pack.id]));
  rmSync(fox.path);
  for (const seen of [index, here.open()]) {
    assert.equal(find(seen, "fox"), null);
    assert.equal(find(seen, "badger"), badger.pack.id);
    assert.deepEqual(
      seen.packs().map(({ id }) => id),
      [badger.pack.id],
    );
  }
});

test("what a dropped pack shared with another is found in the other", (t) => {
  const here = place(t);
  // Two processes that stored the same at the same time.
  const packs = [packOf(here, "fox", "shared"), packOf(here, "badger", "shared")];
  const saving = here.open();
  saving.save();
  const first = saving.find(hash(content("shared")))?.pack;
  const [gone, kept] = first === packs[0]?.pack.id ? packs : [...packs].reverse();
  const index = here.open();
  index.drop(new Set([gone?.pack.id as PackId]));
  rmSync(gone?.path as string);
  for (const seen of [index, here.open()]) {
    assert.equal(find(seen, "shared"), kept?.pack.id);
    assert.equal([...seen.entries()].length, 2);
  }
});

test("a pack that was dropped and is not yet deleted is not read again", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox");
  const index = here.open();
  index.save();
  index.drop(new Set([fox.pack.id]));
  index.reload();
  assert.equal(find(index, "fox"), null);
  assert.equal(index.hasPack(fox.pack.id), false);
});

test("drop leaves segments alone that do not name the packs", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox");
  const others = Array.from({ length: 3 }, (_, n) => packOf(here, `${n}`));
  // More than twice as long as all of the first ones together, so that it is not merged with them.
  here.open().save();
  const [old] = here.segments();
  const index = here.open();
  index.addPack(packOf(here, "stoat").pack);
  index.save();
  assert.equal(here.segments().length, 2);
  const stoat = index.find(hash(content("stoat")))?.pack as PackId;
  index.drop(new Set([stoat]));
  assert.deepEqual(here.segments(), [old]);
  for (const { pack } of [fox, ...others]) assert.ok(index.hasPack(pack.id));
});

test("dropping everything leaves no segment", (t) => {
  const here = place(t);
  const fox = packOf(here, "fox");
  const index = here.open();
  index.save();
  index.drop(new Set([fox.pack.id]));
  assert.deepEqual(here.segments(), []);
});

describe("damage does not keep a store from opening", () => {
  test("of a segment: it is passed over, and the packs are read", (t) => {
    const here = place(t);
    const { pack } = packOf(here, "fox");
    here.open().save();
    const [segment] = here.segments() as [string];
    const bytes = readFileSync(segment);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(segment, bytes);
    assert.equal(find(here.open(), "fox"), pack.id);
  });

  test("of one block of a large segment: it is passed over when that is found out", (t) => {
    const here = place(t);
    const names = Array.from({ length: 5000 }, (_, n) => `${n}`);
    const { pack } = packOf(here, ...names);
    here.open().save();
    const [segment] = here.segments() as [string];
    const bytes = readFileSync(segment);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(segment, bytes);
    const index = here.open();
    for (const name of names) assert.equal(find(index, name), pack.id);
    const other = here.open();
    for (const name of names) assert.ok(other.has(hash(content(name))));
    assert.equal([...here.open().entries()].length, names.length);
    // What is damaged is not carried along.
    const saving = here.open();
    saving.addPack(packOf(here, ...names.map((name) => `another ${name}`)).pack);
    saving.save();
    rmSync(segment, { force: true });
    const again = here.open();
    for (const name of names) assert.notEqual(find(again, `another ${name}`), null);
    for (const name of names) assert.equal(find(again, name), pack.id);
  });

  test("of a segment does not bring dropped packs back", (t) => {
    const here = place(t);
    const fox = packOf(here, "fox");
    here.open().save();
    const [segment] = here.segments() as [string];
    const whole = readFileSync(segment);
    const flipped = Buffer.from(whole);
    flipped[40] = (flipped[40] as number) ^ 1;
    writeFileSync(segment, flipped);
    const index = here.open();
    index.drop(new Set([fox.pack.id]));
    assert.deepEqual(here.segments(), []);
  });

  test("of a pack without segment: its chunks are missing", (t) => {
    const here = place(t);
    const fox = packOf(here, "fox");
    const badger = packOf(here, "badger");
    truncateSync(fox.path, 20);
    const index = here.open();
    assert.equal(find(index, "fox"), null);
    assert.equal(find(index, "badger"), badger.pack.id);
  });
});

test("only files named like packs count as packs", (t) => {
  const here = place(t);
  const { pack } = packOf(here, "fox");
  writeFileSync(`${here.packs}/.tmp-1-2-3`, "unfinished");
  writeFileSync(`${here.packs}/README`, "not a pack");
  assert.deepEqual(packsIn(linuxFiles, here.packs), [pack.id]);
});
