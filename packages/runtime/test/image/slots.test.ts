import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "../../src/image/slots.js";

/** Work that goes on until it is told to end, and what has begun so far. */
function workplace(count: number) {
  const slots = new Slots(count);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, signal = new AbortController().signal): Promise<void> =>
    slots.run({ owner: name.charAt(0), signal }, async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { begun, run, settle, end: (name: string) => ends.get(name)?.() };
}

test("one owner never has all slots, and those who have none go first", async () => {
  const { begun, run, settle, end } = workplace(3);
  const all = ["a1", "a2", "a3", "b1", "b2", "c1"].map((name) => run(name));
  await settle();
  assert.deepEqual(begun, ["a1", "a2", "b1"]);
  for (const [ended, next] of [
    ["a1", "c1"],
    ["b1", "b2"],
    ["a2", "a3"],
  ] as const) {
    end(ended);
    await settle();
    assert.equal(begun.at(-1), next);
  }
  for (const name of ["a3", "b2", "c1"]) end(name);
  await Promise.all(all);
});

test("who leaves while waiting takes no slot", async () => {
  const { begun, run, settle, end } = workplace(2);
  const first = run("a1");
  const leaving = new AbortController();
  const left = run("a2", leaving.signal);
  const last = run("a3");
  await settle();
  leaving.abort(new Error("left"));
  await assert.rejects(left, /left/);
  end("a1");
  await settle();
  assert.deepEqual(begun, ["a1", "a3"]);
  end("a3");
  await Promise.all([first, last]);
});
