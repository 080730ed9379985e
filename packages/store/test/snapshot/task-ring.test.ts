import assert from "node:assert/strict";
import { test } from "node:test";
import { makeTaskRingMemory, ringPlaces, TaskRing } from "../../src/snapshot/task-ring.js";

test("each task is taken once, in order, and its result takes its place", () => {
  const memory = makeTaskRingMemory();
  const giver = new TaskRing(memory);
  const taker = new TaskRing(memory);
  for (let round = 0; round < 3; round++) {
    const given = Array.from({ length: ringPlaces }, (_, n) => giver.give({ question: round * 100 + n }));
    for (const number of given) {
      assert.equal(taker.take(), number);
      const { question } = taker.value(number) as { question: number };
      assert.equal(giver.isDone(number), false);
      taker.count(number, 7);
      assert.equal(giver.counted(number), 7);
      assert.ok(taker.finish(number, { answer: question + 1 }));
    }
    assert.equal(taker.take(), null);
    given.forEach((number, n) => {
      assert.ok(giver.isDone(number));
      assert.deepEqual(giver.value(number), { answer: round * 100 + n + 1 });
    });
  }
});

test("bytes come through and do not change when the place is used again", () => {
  const ring = new TaskRing(makeTaskRingMemory());
  const sent = Buffer.from("of a larger buffer").subarray(3, 11);
  const number = ring.give({ sent });
  const got = (ring.value(number) as { sent: Buffer }).sent;
  ring.take();
  assert.ok(ring.finish(number, { sent: Buffer.alloc(sent.length, "x") }));
  assert.deepEqual(Buffer.from(got), sent);
});

test("a result that is too large is refused, and a smaller one taken", () => {
  const ring = new TaskRing(makeTaskRingMemory());
  const number = ring.give("question");
  ring.take();
  assert.equal(ring.finish(number, Buffer.alloc(1 << 20)), false);
  assert.equal(ring.isDone(number), false);
  assert.ok(ring.finish(number, "answer"));
  assert.equal(ring.value(number), "answer");
});

test("stopping is seen by all, and nobody goes on sleeping", () => {
  const memory = makeTaskRingMemory();
  const taker = new TaskRing(memory);
  assert.equal(taker.isStopped(), false);
  new TaskRing(memory).stop();
  assert.equal(taker.isStopped(), true);
  taker.awaitTask();
});
