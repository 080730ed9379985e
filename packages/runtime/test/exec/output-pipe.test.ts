import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, readlinkSync, writeSync } from "node:fs";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Head } from "../../src/exec/head.js";
import { drain, OutputPipe } from "../../src/exec/output-pipe.js";
import { createPipe } from "../../src/platform/libc.js";

const MiB = 1 << 20;

/** A pipe with a command that writes to it. */
function written(command: string): OutputPipe {
  const { readEnd, writeEnd } = createPipe();
  spawn("/bin/sh", ["-c", command], { stdio: ["ignore", writeEnd, "inherit"] });
  closeSync(writeEnd);
  return new OutputPipe(readEnd);
}

function isOpen(fd: number, target: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${String(fd)}`) === target;
  } catch {
    return false;
  }
}

describe("the output of a command", () => {
  it("is counted to the last byte without taking memory for what nobody keeps", async () => {
    const stdout = written("head -c 300000000 /dev/zero");
    let bytes = 0;
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    drain(stdout, (piece) => {
      bytes += piece.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    });
    await once(stdout, "end");
    assert.equal(bytes, 300_000_000);
    assert.ok(most - before < 4 * MiB, String(most - before));
  });

  it("read as a stream, is the reader's to keep, and comes whole however slow it is read", async () => {
    const stdout = written("seq 1 300000");
    const pieces: Buffer[] = [];
    for await (const piece of stdout) {
      pieces.push(piece as Buffer);
      await nextTurn();
    }
    const expected = Array.from({ length: 300_000 }, (_, n) => `${String(n + 1)}\n`).join("");
    assert.ok(Buffer.concat(pieces).toString() === expected);
  });

  it("is left in the pipe while nobody reads, so that the writer waits", async () => {
    const { readEnd, writeEnd } = createPipe();
    const stdout = new OutputPipe(readEnd);
    const child = spawn("/bin/sh", ["-c", "head -c 10000000 /dev/zero; echo done >&2"], {
      stdio: ["ignore", writeEnd, "pipe"],
    });
    closeSync(writeEnd);
    let isDone = false;
    child.stderr?.once("data", () => (isDone = true));
    await once(stdout, "readable");
    // As long as it takes to read a megabyte that another command writes.
    await once(written("head -c 1000000 /dev/zero").resume(), "end");
    assert.equal(isDone, false);
    assert.ok(stdout.readableLength < MiB);
    let bytes = 0;
    stdout.drain((piece) => (bytes += piece.length));
    await once(stdout, "end");
    assert.equal(bytes, 10_000_000);
  });

  it("reaches whoever listens, beside the one who drains it", async () => {
    const stdout = written("seq 1 100000");
    const heard: Buffer[] = [];
    const drained: Buffer[] = [];
    stdout.on("data", (piece: Buffer) => heard.push(piece));
    stdout.drain((piece) => drained.push(Buffer.from(piece)));
    await once(stdout, "end");
    assert.ok(Buffer.concat(heard).equals(Buffer.concat(drained)));
    assert.equal(Buffer.concat(heard).length, 588_895);
  });

  it("that came before it was drained comes first, and its beginning is remembered", async () => {
    const { readEnd, writeEnd } = createPipe();
    const head = new Head();
    const stdout = new OutputPipe(readEnd, head);
    writeSync(writeEnd, "first ");
    await once(stdout, "readable");
    const pieces: string[] = [];
    stdout.drain((piece) => pieces.push(piece.toString()));
    writeSync(writeEnd, "second");
    closeSync(writeEnd);
    await once(stdout, "close");
    assert.equal(pieces.join(""), "first second");
    assert.equal(await head.text(0), "first second");
  });

  it("is let go of when it is destroyed, and its end is not waited for any more", async () => {
    const { readEnd, writeEnd } = createPipe();
    const pipe = readlinkSync(`/proc/self/fd/${String(readEnd)}`);
    const head = new Head();
    const stdout = new OutputPipe(readEnd, head);
    stdout.destroy();
    await once(stdout, "close");
    assert.equal(await head.text(60_000), "");
    while (isOpen(readEnd, pipe)) await nextTurn();
    assert.throws(() => writeSync(writeEnd, "nobody"), { code: "EPIPE" });
    closeSync(writeEnd);
  });
});
