import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OutputLog } from "../../src/command/output-log.js";

function textOf(log: OutputLog, from = 0): string {
  let text = "";
  for (let piece = log.read(from); piece !== null; piece = log.read(from)) {
    text += `${piece.stream === "stdout" ? "" : "!"}${piece.bytes.toString()}`;
    from = piece.offset + piece.bytes.length;
  }
  return text;
}

describe("an output log", () => {
  it("keeps both streams in the order of arrival, from any offset", () => {
    const log = new OutputLog(10_000);
    log.append("stdout", Buffer.from("ab"));
    log.append("stderr", Buffer.from("cd"));
    log.append("stdout", Buffer.from("ef"));
    log.append("stdout", Buffer.from("gh"));
    assert.equal(textOf(log), "ab!cdefgh");
    assert.equal(textOf(log, 3), "!defgh");
    assert.equal(textOf(log, 5), "fgh");
    assert.equal(log.read(8), null);
    assert.equal(log.endOffset, 8);
  });

  it("drops the oldest beyond its cap, and says how much a reader missed", () => {
    const log = new OutputLog(4096);
    for (let at = 0; at < 100; at++) log.append("stdout", Buffer.alloc(1000, at));
    assert.ok(log.costBytes <= 4096);
    assert.ok(log.endOffset - log.startOffset > 2000);
    assert.equal(log.endOffset, 100_000);
    const piece = log.read(500);
    assert.equal(piece?.offset, log.startOffset);
    assert.equal(piece.lostBytes, log.startOffset - 500);
    assert.equal(log.read(99_999)?.bytes[0], 99);
  });

  it("tells a reader also when nothing is left of what it missed", async () => {
    const log = new OutputLog(4096);
    log.append("stdout", Buffer.from("gone"));
    log.dropOldest();
    log.close();
    const missed = await log.follow(1).next();
    assert.deepEqual([missed.value?.bytes.length, missed.value?.offset, missed.value?.lostBytes], [0, 4, 3]);
    assert.equal(log.read(4), null);
  });

  it("keeps the end of one chunk that is larger than all it may keep", () => {
    const log = new OutputLog(4096);
    log.append("stderr", Buffer.concat([Buffer.alloc(100_000), Buffer.from("the end")]));
    assert.ok(log.costBytes <= 4096);
    assert.equal(log.read(100_000)?.bytes.toString(), "the end");
  });

  it("stays within its cap when single bytes of both streams alternate", () => {
    const log = new OutputLog(64 * 1024);
    for (let at = 0; at < 100_000; at++) log.append(at % 2 === 0 ? "stdout" : "stderr", Buffer.from("x"));
    assert.ok(log.costBytes <= 64 * 1024);
    assert.equal(log.endOffset, 100_000);
    assert.ok(log.endOffset - log.startOffset > 400);
  });

  it("joins small writes to one stream", () => {
    const log = new OutputLog(64 * 1024);
    for (let at = 0; at < 20_000; at++) log.append("stdout", Buffer.from("x"));
    assert.equal(log.startOffset, 0);
    assert.equal(textOf(log).length, 20_000);
  });

  it("is followed by several readers, each at its own pace, until it is closed", async () => {
    const log = new OutputLog(10_000);
    const collect = async (from: number, signal?: AbortSignal): Promise<string> => {
      let text = "";
      for await (const { bytes } of log.follow(from, signal)) text += bytes.toString();
      return text;
    };
    const abort = new AbortController();
    const readers = [collect(0), collect(2), collect(0, abort.signal)];
    log.append("stdout", Buffer.from("abc"));
    await new Promise(setImmediate);
    abort.abort();
    log.append("stderr", Buffer.from("def"));
    log.close();
    log.append("stdout", Buffer.from("never"));
    assert.deepEqual(await Promise.all(readers), ["abcdef", "cdef", "abc"]);
  });
});
