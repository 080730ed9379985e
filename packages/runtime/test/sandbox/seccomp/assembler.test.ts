import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ACTION, assemble, DATA, type Step } from "../../../src/sandbox/seccomp/assembler.js";
import { evaluate } from "./interpreter.js";

describe("assemble", () => {
  it("encodes an instruction in eight bytes", () => {
    const program = assemble([
      { kind: "load", offset: DATA.nr },
      { kind: "jump", test: "equal", value: 0x11223344, yes: "end" },
      { kind: "return", action: ACTION.killProcess },
      { kind: "label", name: "end" },
      { kind: "return", action: ACTION.allow },
    ]);
    assert.equal(
      program.toString("hex"),
      "2000000000000000" + "1500010044332211" + "0600000000000080" + "060000000000ff7f",
    );
  });

  it("takes the branch that a test says", () => {
    const steps = (test: "equal" | "atLeast" | "anySet"): Step[] => [
      { kind: "load", offset: DATA.nr },
      { kind: "jump", test, value: 6, yes: "yes", no: "no" },
      { kind: "label", name: "no" },
      { kind: "return", action: 1 },
      { kind: "label", name: "yes" },
      { kind: "return", action: 2 },
    ];
    const taken = (test: "equal" | "atLeast" | "anySet"): boolean[] =>
      [0, 4, 6, 8, 9].map((nr) => evaluate(assemble(steps(test)), { nr, arch: 0 }) === 2);
    assert.deepEqual(taken("equal"), [false, false, true, false, false]);
    assert.deepEqual(taken("atLeast"), [false, false, true, true, true]);
    assert.deepEqual(taken("anySet"), [false, true, true, false, false]);
  });

  it("refuses a jump over more than 255 instructions, a jump back, and labels unknown or doubled", () => {
    const far = (count: number): Step[] => [
      { kind: "jump", test: "equal", value: 0, yes: "end" },
      ...Array.from({ length: count }, (): Step => ({ kind: "return", action: 0 })),
      { kind: "label", name: "end" },
      { kind: "return", action: 0 },
    ];
    assert.equal(assemble(far(255)).readUInt8(2), 255);
    assert.throws(() => assemble(far(256)), /256 instructions away/);
    assert.throws(
      () =>
        assemble([
          { kind: "label", name: "a" },
          { kind: "goto", to: "a" },
        ]),
      /-1 instructions/,
    );
    assert.throws(() => assemble([{ kind: "goto", to: "nowhere" }]), /not defined/);
    assert.throws(
      () =>
        assemble([
          { kind: "label", name: "a" },
          { kind: "label", name: "a" },
        ]),
      /stands twice/,
    );
  });

  it("tells an errno from its action", () => {
    assert.equal(ACTION.errno(38), 0x00050026);
  });
});
