import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Execution } from "../../src/index.js";
import { capture } from "../../src/index.js";
import { CAPTURE_DRAIN_MS } from "../../src/limits.js";

/** Keeps the event loop from turning, as much work on a busy machine does. */
function block(untilTrue: () => boolean, thenMs: number): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!untilTrue()) Atomics.wait(cell, 0, 0, 5);
  Atomics.wait(cell, 0, 0, thenMs);
}

describe("capture", () => {
  it("has what was written before it gave up waiting, also when the event loop is late", async () => {
    const directory = mkdtempSync(join(tmpdir(), "chaser-capture-"));
    const [go, done] = [join(directory, "go"), join(directory, "done")];
    const script = 'until [ -e "$1" ]; do sleep 0.01; done; echo written; : > "$2"; exec sleep 1000';
    const child = spawn("/bin/sh", ["-c", script, "late", go, done]);
    try {
      // What ended is another process than the one that holds the pipes, as after `command &`.
      const execution = {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        completed: Promise.resolve({
          exitCode: 0,
          signal: null,
          timedOut: false,
          durationMs: 1,
          limitsHit: [],
        }),
        kill: () => undefined,
      } as unknown as Execution;
      const captured = capture(execution);
      await turn();
      writeFileSync(go, "");
      block(() => existsSync(done), 2 * CAPTURE_DRAIN_MS);
      assert.equal((await captured).output.toString(), "written\n");
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
      rmSync(directory, { recursive: true });
    }
  });
});
