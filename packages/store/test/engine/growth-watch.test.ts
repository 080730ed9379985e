import assert from "node:assert/strict";
import { linkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { CapCrossed, DiskMount, GrowthOptions, GrowthWatch, Store } from "../../src/api.js";
import { kernelHoldsDisks } from "../../src/engine/disk-growth.js";
import { openStore } from "../../src/store.js";
import { temporaryDirectory } from "../temporary.js";

const MiB = 1024 * 1024;
const intervalMs = 10;

async function makeDisk(t: TestContext): Promise<{ store: Store; path: string }> {
  const store = await openStore(`${temporaryDirectory(t)}/store`, { create: true });
  t.after(() => store.close());
  // A watch keeps no program from ending.
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  await store.disks.create({ id: "disk", driver: "directory" });
  const { mount } = await store.disks.attach("disk");
  return { store, path: pathOf(mount) };
}

function pathOf(mount: DiskMount): string {
  assert.equal(mount.driver, "directory");
  return mount.path;
}

/** Resolves with what crossed the cap. */
function crossing(
  t: TestContext,
  watch: (options: {
    onCrossed: (crossed: CapCrossed) => void;
    onError: (error: unknown) => void;
  }) => GrowthWatch,
): Promise<CapCrossed> {
  return new Promise((resolve, reject) => {
    const watching = watch({ onCrossed: resolve, onError: reject });
    t.after(() => watching.close());
  });
}

/** Writes more and more, until something is told. */
async function writing(
  path: string,
  told: Promise<unknown>,
  write = (n: number) => writeFileSync(`${path}/${n % 40}`, Buffer.alloc(MiB, "content")),
): Promise<void> {
  let isTold = false;
  void told.finally(() => (isTold = true));
  for (let n = 0; !isTold; n++) {
    write(n);
    await pause(intervalMs);
  }
}

/** Where the kernel holds disks, `project-quota.ts` tries what is tried here. */
const skip = (await kernelHoldsDisks(tmpdir())) && "needs a filesystem without project quotas";

describe("what processes write to an attached disk", { skip }, () => {
  test("is told when it crosses the cap of the disk, with those who write paused while it is walked in haste", async (t) => {
    const { store, path } = await makeDisk(t);
    let pauses = 0;
    let resumes = 0;
    const capBytes = 8 * MiB;
    const crossed = crossing(t, (on) =>
      store.disks.watchGrowth("disk", {
        ...on,
        capBytes,
        intervalMs,
        pause: async () => {
          pauses += 1;
          return () => void (resumes += 1);
        },
      }),
    );
    await writing(path, crossed);
    const { unit, used } = await crossed;
    assert.equal(unit, "bytes");
    assert.ok(used > capBytes);
    // Space that others lose on the same filesystem may bring about haste, too, so that there may be several.
    assert.equal(resumes, pauses);
  });

  test("is told when it crosses the cap of the store", async (t) => {
    const { store, path } = await makeDisk(t);
    const capBytes = (await store.onDiskBytes()) + 2 * MiB;
    const crossed = crossing(t, (on) => store.watchGrowth({ ...on, capBytes, intervalMs }));
    await writing(path, crossed);
    assert.ok((await crossed).used > capBytes);
  });

  test("is told without asking what has no name when what has one is enough", async (t) => {
    const { store, path } = await makeDisk(t);
    for (const watch of [
      (options: GrowthOptions) => store.disks.watchGrowth("disk", options),
      (options: GrowthOptions) => store.watchGrowth(options),
    ]) {
      const capBytes = (await store.onDiskBytes()) + 8 * MiB;
      let asked = 0;
      const unlinkedBytes = (): Promise<number> => {
        asked += 1;
        writeFileSync(`${path}/${asked}-${capBytes}`, Buffer.alloc(16 * MiB, "content"));
        return Promise.resolve(0);
      };
      await crossing(t, (on) => watch({ ...on, capBytes, intervalMs, unlinkedBytes }));
      assert.equal(asked, 1);
    }
  });

  test("is told when it has more files than the disk may, empty ones and links to one another alike", async (t) => {
    const { store, path } = await makeDisk(t);
    const before = await store.disks.usage("disk");
    const capInodes = before.referencedInodes + 20;
    const crossed = crossing(t, (on) =>
      store.disks.watchGrowth("disk", { ...on, capBytes: Infinity, capInodes, intervalMs }),
    );
    writeFileSync(`${path}/file`, "");
    let links = 0;
    await writing(path, crossed, (n) => {
      // Names of one file are one inode.
      linkSync(`${path}/file`, `${path}/link${n}`);
      links += 1;
      writeFileSync(`${path}/${n}`, "");
    });
    assert.equal((await crossed).unit, "inodes");
    const { referencedInodes } = await store.disks.usage("disk");
    assert.ok((await crossed).used > capInodes);
    assert.equal(referencedInodes, before.referencedInodes + 1 + links);
    assert.equal((await store.disks.upperUsage("disk")).upperInodes, referencedInodes);
  });

  test("may be beyond the cap from the start, to be read and cleaned", async (t) => {
    const { store, path } = await makeDisk(t);
    writeFileSync(`${path}/file`, Buffer.alloc(4 * MiB, "content"));
    const crossed: CapCrossed[] = [];
    const usage = store.disks.usage.bind(store.disks);
    let watching: GrowthWatch | undefined;
    await new Promise<void>((resolve, reject) => {
      store.disks.usage = async (id) => {
        const found = await usage(id);
        resolve();
        return found;
      };
      const onCrossed = (what: CapCrossed): void => void crossed.push(what);
      watching = store.disks.watchGrowth("disk", { capBytes: MiB, intervalMs, onCrossed, onError: reject });
    });
    writeFileSync(`${path}/small`, "small");
    await pause(10 * intervalMs);
    watching?.close();
    assert.deepEqual(crossed, []);
  });

  test("is not looked at any more once the watch is closed, and looks that fail are told and counted", async (t) => {
    const { store } = await makeDisk(t);
    const errors: unknown[] = [];
    const counts: number[] = [];
    let watching: GrowthWatch | undefined;
    await new Promise<void>((resolve) => {
      watching = store.disks.watchGrowth("another", {
        capBytes: 1,
        intervalMs,
        onCrossed: () => assert.fail("nothing is there that could grow"),
        onError: (error, failures) => {
          errors.push(error);
          if (counts.push(failures) === 3) resolve();
        },
      });
    });
    watching?.close();
    const told = errors.length;
    await pause(5 * intervalMs);
    assert.equal(errors.length, told);
    assert.match(String(errors[0]), /no disk "another"/);
    assert.deepEqual(counts.slice(0, 3), [1, 2, 3]);
  });
});
