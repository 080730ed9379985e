/** How a store ends while a call is under way. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Lock } from "../../src/platform/lock.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { openStore } from "../../src/store.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

/** Only ends what hangs. */
const timeout = 60_000;

function makeSource(place: string): string {
  mkdirSync(`${place}/source`);
  writeFileSync(`${place}/source/file`, "content");
  return `${place}/source`;
}

for (const kind of ["thread", "process"] as const) {
  test(
    `a store is closed, and a call stopped, that waits for a lock of another (${kind})`,
    { timeout },
    async (t) => {
      const place = temporaryDirectory(t);
      const source = makeSource(place);
      const store = await openStore(`${place}/store`, { create: true, host: { kind } });
      const lock = Lock.take(linuxFiles, `${place}/store/locks/objects`, "exclusive", { wait: true });
      t.after(() => lock?.release());

      const stop = new AbortController();
      const first = store.snapshot(source, { signal: stop.signal });
      setTimeout(() => stop.abort(), 200);
      await assert.rejects(first, withCode("aborted"));
      const second = assert.rejects(store.snapshot(source), withCode("aborted"));
      await sleep(200);
      await store.close();
      await second;
    },
  );
}

test(
  "what waits for an engine process that is killed is told that the store is closed",
  { timeout },
  async (t) => {
    const place = temporaryDirectory(t);
    const source = makeSource(place);
    const store = await openStore(`${place}/store`, { create: true, host: { kind: "process" } });
    const lock = Lock.take(linuxFiles, `${place}/store/locks/objects`, "exclusive", { wait: true });
    t.after(() => lock?.release());
    const waiting = assert.rejects(store.snapshot(source), withCode("closed"));
    for (const pid of childrenOfThis()) process.kill(pid, "SIGKILL");
    await waiting;
    await assert.rejects(store.snapshots(), withCode("closed"));
    await store.close();
  },
);

function childrenOfThis(): number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
  return text
    .split(" ")
    .filter((pid) => pid !== "")
    .map(Number);
}
