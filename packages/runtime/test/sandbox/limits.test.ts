import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { limitArguments, resourceLimits } from "../../src/sandbox/limits.js";
import { SESSION_LIMITS_DEFAULT } from "../../src/index.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

describe("limits", () => {
  it("become arguments of prlimit", () => {
    const limits = resourceLimits({ ...SESSION_LIMITS_DEFAULT, openFiles: 77, maxProcesses: 9 });
    assert.ok(limitArguments(limits).includes("--nofile=77:77"));
    assert.ok(limitArguments(limits).includes("--core=0:0"));
  });
});

describe("a limited session", { skip: noSandbox }, () => {
  it("stops a fork bomb at its number of processes, over all commands, and others do not notice", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session({ limits: { maxProcesses: 40 } });
    const other = await fixture.session({ limits: { maxProcesses: 40 } });
    const bomb = "for i in $(seq 300); do (sleep 20 &) 2>/dev/null || exit 1; done";
    await Promise.all([1, 2].map(() => runIn(session, `(${bomb}) 2>&1 | tail -c 200`, { timeoutMs: 3000 })));
    const count = await runIn(other, "echo fine");
    assert.equal(count.text, "fine\n");
    const proc = await runIn(session, ["true"]).then(
      ({ exitCode }) => exitCode,
      () => "refused",
    );
    assert.ok(proc === 0 || proc === "refused");
    await other.end();
    await session.end();
  });

  it("counts the processes of the session, not of the host user", async () => {
    await using fixture = await Fixture.open();
    const marker = `3${String(process.pid)}`;
    const full = await fixture.session({ limits: { maxProcesses: 30 } });
    const bomb = await full.exec({
      command: `i=0; while [ $i -lt 100 ]; do (sleep ${marker} &) || break; i=$((i+1)); done; sleep ${marker}`,
    });
    bomb.stderr.resume();
    const count = (): number => processesWith(`sleep ${marker}`).length;
    await eventually(() => count() >= 25);
    await delay(300);
    assert.ok(count() >= 20 && count() <= 31, String(count()));
    const fresh = await fixture.session({ limits: { maxProcesses: 30 } });
    assert.equal(
      (await runIn(fresh, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1 & done; wait; echo ok")).text,
      "ok\n",
    );
  });

  it("ends a write at the largest file size, and a sparse file too", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session({ limits: { fileSizeBytes: 1 << 20 } });
    const { signal } = await runIn(session, "exec head -c 2000000 /dev/zero > big");
    assert.equal(signal, "SIGXFSZ");
    assert.equal((await runIn(session, "stat -c %s big")).text, `${String(1 << 20)}\n`);
    assert.notEqual((await runIn(session, "truncate -s 15T sparse")).exitCode, 0);
  });

  it("bounds memory, descriptors, and what /tmp holds", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session({
      limits: { memoryBytes: 64 << 20, openFiles: 100, tmpBytes: 1 << 20, tmpInodes: 50 },
    });
    assert.equal((await runIn(session, "ulimit -n; ulimit -c")).text, "100\n0\n");
    if (existsSync("/usr/bin/perl")) {
      const { exitCode, text } = await runIn(session, [
        "perl",
        "-e",
        '$x = "a" x (200 << 20); print "got it"',
      ]);
      assert.notEqual(exitCode, 0);
      assert.ok(!text.includes("got it"));
    }
    assert.match(
      (await runIn(session, "head -c 4000000 /dev/zero > /tmp/x; rm /tmp/x")).text,
      /No space left/,
    );
    assert.match(
      (await runIn(session, "cd /dev/shm; for i in $(seq 100); do : > $i || break; done; rm -f *")).text,
      /No space left/,
    );
    assert.deepEqual(session.limits.openFiles, { value: 100, mechanism: "rlimit" });
  });
});
