/** How a store ends while a call is under way. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
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

for (const kind of ["thread", "process"] as const) {
  test(`an engine that dies of its heap lets go of the disks it had (${kind})`, { timeout }, (t) => {
    const place = temporaryDirectory(t);
    const small = `${place}/node`;
    writeFileSync(small, `#!/bin/sh\nexec ${process.execPath} --max-old-space-size=32 "$@"\n`, {
      mode: 0o755,
    });
    const script = `
      import { openStore } from ${JSON.stringify(new URL("../../src/index.js", import.meta.url).href)};
      const root = ${JSON.stringify(`${place}/store`)};
      const { execPath } = process;
      process.execPath = ${JSON.stringify(small)};
      const dying = await openStore(root, { create: true, host: { kind: "${kind}" } });
      process.execPath = execPath;
      await dying.disks.create({ id: "one" });
      await dying.disks.attach("one");
      const exclude = Array.from({ length: 100_000 }, (_, n) => "pattern-" + n);
      const codes = [];
      const code = (promise) => promise.then(() => codes.push("done"), (error) => codes.push(error.code));
      await code(dying.snapshot(${JSON.stringify(makeSource(place))}, { exclude }));
      await code(dying.snapshots());
      const other = await openStore(root, { host: { kind: "process" } });
      await code(other.disks.attach("one"));
      console.log(codes.join(" "));
      process.exit();`;
    const ran = spawnSync(small, ["--input-type=module", "-e", script], { encoding: "utf8" });
    assert.equal(ran.stdout.trim(), "closed closed done", ran.stderr);
  });
}

function childrenOfThis(): number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
  return text
    .split(" ")
    .filter((pid) => pid !== "")
    .map(Number);
}
