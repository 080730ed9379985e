import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedLock } from "../src/keyed-lock.js";

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

test("operations on one key run one after the other, in order", async () => {
  const lock = new KeyedLock();
  const first = gate();
  const log: string[] = [];
  const a = lock.short("w", async () => {
    await first.promise;
    log.push("a");
  });
  const b = lock.short("w", async () => void log.push("b"));
  const c = lock.long("w", "a snapshot", async () => void log.push("c"));
  first.open();
  await Promise.all([a, b, c]);
  assert.deepEqual(log, ["a", "b", "c"]);
});

test("other keys do not wait", async () => {
  const lock = new KeyedLock();
  const first = gate();
  const a = lock.long("w", "a snapshot", () => first.promise);
  assert.equal(await lock.long("v", "a snapshot", async () => 1), 1);
  first.open();
  await a;
});

test("a second long operation is refused and told what is going on", async () => {
  const lock = new KeyedLock();
  const first = gate();
  const a = lock.long("w", "a snapshot", () => first.promise);
  await assert.rejects(
    lock.long("w", "a restore", async () => {}),
    (error: { code: string; message: string }) =>
      error.code === "operation_in_progress" && error.message.includes("a snapshot"),
  );
  first.open();
  await a;
  await lock.long("w", "a restore", async () => {});
});

test("a short operation that turns out to be long is named to long ones, and short ones wait for it", async () => {
  const lock = new KeyedLock();
  const first = gate();
  const order: string[] = [];
  const a = lock.short("w", () => lock.longWithin("w", "a fetch", () => first.promise));
  await Promise.resolve();
  await Promise.resolve();
  await assert.rejects(
    lock.long("w", "a restore", async () => {}),
    { code: "operation_in_progress", message: /a fetch/ },
  );
  const b = lock.short("w", async () => void order.push("short"));
  order.push("fetched");
  first.open();
  await Promise.all([a, b]);
  assert.deepEqual(order, ["fetched", "short"]);
  await lock.long("w", "a restore", async () => {});
});

test("an operation that fails lets the next one go on", async () => {
  const lock = new KeyedLock();
  await assert.rejects(lock.long("w", "a snapshot", () => Promise.reject(new Error("no"))));
  assert.equal(await lock.long("w", "a snapshot", async () => 2), 2);
});
