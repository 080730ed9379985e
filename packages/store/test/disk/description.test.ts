import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDescription, encodeDescription } from "../../src/disk/description.js";
import type { LayerId } from "../../src/ids.js";
import { encodeSealed } from "../../src/disk/sealed-json.js";
import { withCode } from "../errors.js";

const description = {
  id: "one",
  driver: "overlay" as const,
  createdAtMs: 1_700_000_000_000,
  top: "abcdefgh2345" as LayerId,
  upper: "u7",
  freezing: "u6",
};

test("a description of a disk is read as it was written", () => {
  for (const change of [{}, { top: null, freezing: null }, { driver: "directory" as const }]) {
    const one = { ...description, ...change };
    assert.deepEqual(decodeDescription("one", encodeDescription(one)), one);
  }
});

test("a description of a disk that nobody would have written is refused", () => {
  const wrong: Record<string, object> = {
    "of another disk": { id: "two" },
    "an unknown driver": { driver: "zip" },
    "a time that is no number": { createdAtMs: "today" },
    "a layer that leads elsewhere": { top: "../../layers" },
    "a layer that is a number": { top: 7 },
    "an upper that leads elsewhere": { upper: "../u7" },
    "an upper that is nothing": { upper: null },
    "a frozen upper that is the upper": { freezing: "u7" },
    "a frozen upper that leads elsewhere": { freezing: "u6/.." },
    "another field": { more: 1 },
  };
  for (const [what, change] of Object.entries(wrong)) {
    const bytes = encodeSealed({ ...description, ...change });
    assert.throws(() => decodeDescription("one", bytes), withCode("corrupt"), what);
  }
});
