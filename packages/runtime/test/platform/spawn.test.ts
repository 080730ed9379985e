import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, it } from "node:test";
import { DIAGNOSTIC_BYTES_MAX } from "../../src/limits.js";
import { collectText } from "../../src/platform/spawn.js";

describe("collectText", () => {
  it("keeps what a program said last, however much came before", async () => {
    const stream = new PassThrough();
    const text = collectText(stream);
    for (let line = 0; line < 1000; line++) stream.write(`progress ${line} of the work\n`);
    stream.end("the reason\n");
    await finished(stream);
    assert.ok(text().endsWith("progress 999 of the work\nthe reason"));
    assert.ok(text().length < DIAGNOSTIC_BYTES_MAX);
  });
});
