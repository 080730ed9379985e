import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatProgress, openProgressBar } from "../../src/output/progress.js";

const half = { phase: "restore", files: 1500, bytes: 5_000_000, deduplicatedBytes: 0 } as const;

describe("formatProgress", () => {
  it("draws a bar where the total is known", () => {
    assert.equal(
      formatProgress({ ...half, totalBytes: 10_000_000 }),
      "restoring   [############------------]  50 %  1,500 files  5.00 MB",
    );
  });

  it("counts where it is not, and never passes 100 %", () => {
    assert.equal(formatProgress(half), "restoring   1,500 files  5.00 MB");
    assert.match(formatProgress({ ...half, totalFiles: 1000 }), /100 %/);
  });
});

describe("openProgressBar", () => {
  function stream(isTTY: boolean): { written: string[]; stream: NodeJS.WriteStream } {
    const written: string[] = [];
    const write = (text: string): boolean => written.push(text) > 0;
    return { written, stream: { isTTY, columns: 40, write } as unknown as NodeJS.WriteStream };
  }

  it("writes nothing when the stream is no terminal", () => {
    const { written, stream: plain } = stream(false);
    const bar = openProgressBar(plain);
    bar.update(half);
    bar.end();
    assert.deepEqual(written, []);
  });

  it("appears when the work takes a while, fits the terminal, and goes away once", () => {
    const { written, stream: terminal } = stream(true);
    let nowMs = 0;
    const bar = openProgressBar(terminal, () => nowMs);
    bar.update(half);
    assert.equal(written.length, 0);
    nowMs = 1000;
    bar.update({ ...half, totalBytes: 10_000_000 });
    assert.equal(written[0]?.length, "\r\u001b[K".length + 39);
    bar.end();
    bar.end();
    bar.update(half);
    assert.deepEqual(written.slice(1), ["\r\u001b[K"]);
  });
});
