import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stateOf, waitsInVfork } from "../../src/session/processes.js";

describe("stateOf", () => {
  it("is not misled by a process's name", () => {
    assert.equal(stateOf("12 (sh) T 1 12 12 0"), "T");
    assert.equal(stateOf("12 (a) R (b) S 1 12 12 0"), "S");
  });
});

describe("waitsInVfork", () => {
  it("knows vfork, and clone with its flag", () => {
    assert.equal(waitsInVfork("58 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f", "x86_64"), true);
    assert.equal(waitsInVfork("56 0x4111 0x7f00 0x0 0x0 0x0 0x0 0x7ffe 0x7f", "x86_64"), true);
    assert.equal(waitsInVfork("220 0x4111 0x7f00 0x0 0x0 0x0 0x0 0x7ffe 0x7f", "aarch64"), true);
  });

  it("takes no other wait for it", () => {
    assert.equal(waitsInVfork("56 0x1200011 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f", "x86_64"), false);
    assert.equal(waitsInVfork("0 0x4000 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f", "x86_64"), false);
    assert.equal(waitsInVfork("58 0x0 0x0", "aarch64"), false);
    assert.equal(waitsInVfork("running", "x86_64"), false);
  });
});
