import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { describe, it } from "node:test";
import { text } from "node:stream/consumers";
import { waitScript } from "../../src/sandbox/network.js";

describe("waitScript", () => {
  const start = (): { child: ChildProcess; word: Writable; printed: Promise<string> } => {
    const args = ["-c", waitScript(3), "name", "sh", "-c", 'echo started "$@"; cat <&3', "sh", "a b"];
    const child = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "inherit", "pipe"] });
    assert.ok(child.stdout !== null);
    return { child, word: child.stdio[3] as Writable, printed: text(child.stdout) };
  };

  it("becomes the program at its word, and leaves it what comes after", async () => {
    const { word, printed } = start();
    word.end("\nrest");
    assert.equal(await printed, "started a b\nrest");
  });

  it("ends without it when whoever was to say it has", async () => {
    const { child, word, printed } = start();
    const ended = once(child, "exit");
    word.end();
    assert.deepEqual(await ended, [1, null]);
    assert.equal(await printed, "");
  });
});
