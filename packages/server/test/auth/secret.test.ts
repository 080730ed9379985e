import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bearerSecret,
  equalHashes,
  generateSecret,
  hashSecret,
  isSecret,
  secretPrefix,
} from "../../src/auth/secret.js";

test("a secret is sk_ and 256 random bits", () => {
  const secret = generateSecret();
  assert.match(secret, /^sk_[A-Za-z0-9_-]{43}$/);
  assert.notEqual(secret, generateSecret());
  assert.ok(isSecret(secret));
});

test("what is shown of a secret is not enough to use it", () => {
  const secret = generateSecret();
  const shown = secretPrefix(secret);
  assert.ok(secret.startsWith(shown));
  assert.ok(!isSecret(shown));
});

test("only a Bearer header with a well-formed secret counts", () => {
  const secret = generateSecret();
  assert.equal(bearerSecret(`Bearer ${secret}`), secret);
  assert.equal(bearerSecret(`bearer ${secret}`), secret);
  for (const header of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    secret,
    `Basic ${secret}`,
    `Bearer ${secret} x`,
    "Bearer sk_short",
  ])
    assert.equal(bearerSecret(header), null, String(header));
});

test("hashes are compared as a whole", () => {
  const hash = hashSecret("sk_a");
  assert.ok(equalHashes(hash, hashSecret("sk_a")));
  assert.ok(!equalHashes(hash, hashSecret("sk_b")));
  assert.ok(!equalHashes(hash, hash.slice(2)));
});
