import assert from "node:assert/strict";
import { test } from "node:test";
import { acceleratedHash, digestKey, hash, portableHash } from "../../src/chunk/hash.js";
import { Random, seedOfRun } from "../random.js";

/** From the authors' test_vectors.json: the input is the bytes 0 to 250 over and over. */
const official: [length: number, digest: string][] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
  [2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"],
  [3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"],
  [7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"],
  [31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"],
  [102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"],
];

const accelerated = acceleratedHash();
const withoutAccelerator = accelerated === null ? "no accelerator is installed for this machine" : false;
const implementations = [
  ["the hash in use", hash, false],
  ["the portable hash", portableHash(), false],
  ["the accelerated hash", accelerated ?? hash, withoutAccelerator],
] as const;

for (const [name, run, skip] of implementations) {
  test(`${name} agrees with the official BLAKE3 vectors`, { skip }, () => {
    for (const [length, digest] of official) {
      const input = Uint8Array.from({ length }, (_, n) => n % 251);
      assert.equal(run(input).toString("hex"), digest, `${length} bytes`);
    }
  });

  test(`${name} gives results that later calls leave alone`, { skip }, () => {
    const first = run(Buffer.from("one"));
    const before = Buffer.from(first);
    for (let n = 0; n < 100; n++) run(Buffer.from(`another ${n}`));
    assert.deepEqual(first, before);
  });
}

test("both implementations agree on any input", { skip: withoutAccelerator }, () => {
  const random = new Random(seedOfRun());
  const portable = portableHash();
  for (let round = 0; round < 200; round++) {
    const input = random.bytes(random.below(5000));
    assert.deepEqual(portable(input), hash(input), `seed ${random.seed}`);
  }
});

test("a digest is told from every other by its key", () => {
  const digest = Buffer.from(Array.from({ length: 32 }, (_, n) => 255 - n));
  assert.equal(digestKey(digest).length, 32);
  assert.deepEqual(Buffer.from(digestKey(digest), "latin1"), digest);
});
