import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenedPath } from "@chaser/runtime";
import { fileBody } from "../../src/routes/file-body.js";

const info = { kind: "file" as const, sizeBytes: 2, mode: 0o644, modified: "0", inode: "1" };

/** Gives one byte, then waits for the next until it is closed, which cuts it off. */
function waiting(): OpenedPath {
  let cut = (_reason: Error): void => undefined;
  return {
    info,
    async *read() {
      yield Buffer.from("x");
      await new Promise<void>((_resolve, reject) => (cut = reject));
    },
    close: () => cut(new Error("cut off")),
  };
}

test("a reader that leaves while the next bytes are waited for is no fault", async () => {
  const opened = waiting();
  const settled: unknown[] = [];
  const body = fileBody(opened, null, (error) => {
    settled.push(error);
    opened.close();
  });
  const reader = body.getReader();
  await reader.read();
  const next = reader.read();
  await new Promise(setImmediate);
  await reader.cancel();
  assert.equal((await next).done, true);
  await new Promise(setImmediate);
  assert.deepEqual(settled, [undefined]);
});

test("bytes that cannot be had break the answer off, and say why", async () => {
  const opened = waiting();
  const settled: unknown[] = [];
  const reader = fileBody(opened, null, (error) => settled.push(error)).getReader();
  await reader.read();
  const next = reader.read();
  await new Promise(setImmediate);
  opened.close();
  await assert.rejects(next, /cut off/);
  assert.equal((settled[0] as Error).message, "cut off");
  assert.equal(settled.length, 1);
});
