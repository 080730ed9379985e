import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSealed, encodeSealed } from "../../src/disk/sealed-json.js";
import { withCode } from "../errors.js";

test("a sealed description is read as it was written", () => {
  const fields = { name: "one", number: 7, nothing: null };
  assert.deepEqual(decodeSealed("it", encodeSealed(fields)), fields);
});

test("a description that is not whole is refused, whatever is wrong with it", () => {
  const bytes = encodeSealed({ name: "one" });
  const wrong: Record<string, Buffer> = {
    "not JSON": bytes.subarray(0, -3),
    "nothing at all": Buffer.alloc(0),
    "not an object": Buffer.from("null"),
    "a flipped letter": Buffer.from(bytes.toString().replace("one", "two")),
    "another way to write it": Buffer.from(JSON.stringify(JSON.parse(bytes.toString()))),
  };
  for (const [what, content] of Object.entries(wrong)) {
    assert.throws(() => decodeSealed("it", content), withCode("corrupt"), what);
  }
});

test("a later version is told as such", () => {
  const later = Buffer.from(JSON.stringify({ version: 2, other: "fields" }));
  assert.throws(() => decodeSealed("it", later), withCode("store_version_unsupported"));
});
