/** Live snapshots: what writes to a disk stands still while the engine looks at it, and goes on whatever happens. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DiskAttachment, Store } from "../../src/api.js";
import { Lock } from "../../src/platform/lock.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { openStore } from "../../src/store.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

/** Only ends what hangs. */
const timeout = 60_000;

interface Bench {
  store: Store;
  attachment: DiskAttachment;
  /** Writes to the disk's upper as a process on it would. */
  write: (content: string) => void;
}

async function attachedDisk(t: TestContext, kind: "thread" | "process"): Promise<Bench> {
  const store = await openStore(`${temporaryDirectory(t)}/store`, { create: true, host: { kind } });
  t.after(() => store.close());
  await store.disks.create({ id: "one", driver: "directory" });
  const attachment = await store.disks.attach("one");
  const { mount } = attachment;
  assert.ok(mount.driver === "directory");
  return { store, attachment, write: (content) => writeFileSync(`${mount.path}/file`, content) };
}

for (const kind of ["thread", "process"] as const) {
  test(`a disk in use is paused, captured, and goes on (${kind})`, { timeout }, async (t) => {
    const { store, write } = await attachedDisk(t, kind);
    const steps: string[] = [];
    write("before");
    const { snapshot } = await store.disks.snapshot("one", {
      name: "live",
      pause: async () => {
        steps.push("paused");
        write("while pausing");
        return () => {
          steps.push("resumed");
          write("after");
        };
      },
    });
    assert.deepEqual(steps, ["paused", "resumed"]);
    assert.equal(snapshot.consistency, "live");
    let content = "";
    for await (const piece of store.read("live", Buffer.from("file"), { diskId: "one" })) {
      content += Buffer.from(piece).toString();
    }
    assert.equal(content, "while pausing");
  });
}

test(
  "what a restore would change of a disk in use is said, and nothing but that is done",
  { timeout },
  async (t) => {
    const { store, attachment, write } = await attachedDisk(t, "thread");
    const steps: string[] = [];
    const pause = async () => {
      steps.push("paused");
      return () => void steps.push("resumed");
    };
    write("1");
    await store.disks.snapshot("one", { name: "first", pause });
    write("two");
    const paths = [Buffer.from("file")];
    const { changed, undo } = await store.disks.restore("one", "first", { dryRun: true, paths, pause });
    assert.deepEqual([changed, undo], [1, null]);
    assert.deepEqual(steps, ["paused", "resumed", "paused", "resumed"]);
    const missing = { dryRun: true, paths: [Buffer.from("none")], pause };
    await assert.rejects(store.disks.restore("one", "first", missing), withCode("path_not_found"));
    await assert.rejects(store.disks.restore("one", "first", { pause }), withCode("invalid_argument"));
    await assert.rejects(store.disks.restore("one", "first", { dryRun: true }), withCode("disk_in_use"));
    await attachment.detach();
    const idle = store.disks.restore("one", "first", { dryRun: true, pause });
    await assert.rejects(idle, withCode("invalid_argument"));
  },
);

test("the pause begins when the engine turns to the snapshot, not while it waits", { timeout }, async (t) => {
  const { store } = await attachedDisk(t, "thread");
  // What the engine does first waits for this lock.
  const lock = Lock.take(linuxFiles, `${store.directory}/locks/objects`, "exclusive", { wait: true });
  t.after(() => lock?.release());
  const before = store.usage();
  let isPaused = false;
  const live = store.disks.snapshot("one", {
    pause: async () => {
      isPaused = true;
      return () => undefined;
    },
  });
  await sleep(100);
  assert.equal(isPaused, false);
  lock?.release();
  await Promise.all([before, live]);
  assert.equal(isPaused, true);
});

test("what was paused goes on when the capture fails, and its error is told", { timeout }, async (t) => {
  const { store } = await attachedDisk(t, "thread");
  let resumed = 0;
  const pause = async (): Promise<() => Promise<void>> => async () => {
    resumed += 1;
    await Promise.reject(new Error("cannot go on"));
  };
  await store.disks.snapshot("one", { name: "taken", pause: async () => () => undefined });
  await assert.rejects(
    store.disks.snapshot("one", { name: "taken", pause }),
    withCode("snapshot_name_taken"),
  );
  await assert.rejects(store.disks.snapshot("two", { pause }), withCode("disk_not_found"));
  assert.equal(resumed, 2);
  await assert.rejects(store.disks.snapshot("one", { pause }), /cannot go on/);
  assert.equal(resumed, 3);
  // Nothing hangs on what came before.
  assert.equal((await store.disks.list()).length, 1);
});

test("a disk that cannot be paused is not captured", { timeout }, async (t) => {
  const { store, attachment } = await attachedDisk(t, "thread");
  const pause = (): never => {
    throw new Error("no way");
  };
  await assert.rejects(store.disks.snapshot("one", { pause }), /no way/);
  assert.deepEqual(await store.disks.snapshots("one"), []);
  await attachment.detach();
  await assert.rejects(
    store.disks.snapshot("one", { pause: async () => () => undefined }),
    withCode("invalid_argument"),
  );
});

test("what stops the snapshot during the pause, or ends the store, still lets go", { timeout }, async (t) => {
  for (const end of ["abort", "close"] as const) {
    const { store } = await attachedDisk(t, "thread");
    const stop = new AbortController();
    let release = (): void => undefined;
    const goingOn = new Promise<void>((resolve) => (release = resolve));
    const taking = store.disks.snapshot("one", {
      signal: stop.signal,
      pause: async () => {
        if (end === "abort") stop.abort();
        else void store.close();
        return release;
      },
    });
    await assert.rejects(taking, withCode(end === "abort" ? "aborted" : "closed"));
    await goingOn;
  }
});
