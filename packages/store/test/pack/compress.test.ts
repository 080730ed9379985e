import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameQueue, type CompressionPool } from "../../src/pack/compress.js";
import { makeSlotMemory, Slots } from "../../src/pack/slots.js";

test("frames are forgotten although a thread that has one of them died, and its slot is not used again", () => {
  const slots = new Slots(makeSlotMemory(3));
  const released: number[] = [];
  const pool = {
    slots,
    queue: (slot: number, plainBytes: number) => slots.queue(slot, plainBytes),
    release: (slot: number) => released.push(slot),
  } as unknown as CompressionPool;
  const queue = new FrameQueue(pool, () => assert.fail("a frame was passed on"), 1);
  for (const slot of [0, 1, 2]) queue.submit(slot, 10);
  assert.ok(slots.take(1));
  queue.abort();
  assert.deepEqual(released, [0, 2]);
});
