import assert from "node:assert/strict";
import { test } from "node:test";
import { Incoming } from "../../src/maintenance/incoming.js";
import { Random, seedOfRun } from "../random.js";

test("what comes in pieces of any size is taken as it came, in any other", (t) => {
  const random = new Random(seedOfRun());
  t.diagnostic(`seed ${random.seed}`);
  const sent = random.bytes(200_000);
  const incoming = new Incoming();
  const taken: Buffer[] = [];
  for (let at = 0; at < sent.length;) {
    const piece = Buffer.from(sent.subarray(at, at + random.below(2000)));
    incoming.push(piece);
    at += piece.length;
    // The sender may use its memory again.
    piece.fill(0);
    for (
      let part = incoming.take(random.below(3000));
      part !== null;
      part = incoming.take(random.below(3000))
    )
      taken.push(part);
  }
  taken.push(incoming.take(incoming.length) as Buffer);
  assert.ok(Buffer.concat(taken).equals(sent));
  assert.equal(incoming.length, 0);
  assert.equal(incoming.take(1), null);
});

test("single bytes take little more memory than they are", () => {
  const incoming = new Incoming();
  const before = process.memoryUsage();
  const byte = new Uint8Array(1);
  for (let n = 0; n < 1_000_000; n++) incoming.push(byte);
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown < 20_000_000, `${grown} bytes for ${incoming.length}`);
});
