import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeLayer, encodeLayer } from "../../src/disk/layer-file.js";
import { encodeSealed } from "../../src/disk/sealed-json.js";
import type { LayerId } from "../../src/ids.js";
import { withCode } from "../errors.js";

const layer = { parent: "abcdefgh2345" as LayerId, createdAtMs: 1_700_000_000_000 };

test("a description of a layer is read as it was written", () => {
  for (const one of [layer, { ...layer, parent: null }]) {
    assert.deepEqual(decodeLayer("some", encodeLayer(one)), one);
  }
});

test("a description of a layer that nobody would have written is refused", () => {
  const wrong: Record<string, object> = {
    "a parent that leads elsewhere": { parent: "../disks/one" },
    "a parent that is a number": { parent: 7 },
    "a time that is no number": { createdAtMs: null },
    "another field": { more: 1 },
  };
  for (const [what, change] of Object.entries(wrong)) {
    assert.throws(
      () => decodeLayer("some", encodeSealed({ ...layer, ...change })),
      withCode("corrupt"),
      what,
    );
  }
});
