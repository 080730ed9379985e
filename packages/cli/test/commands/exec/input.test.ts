import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeInput } from "../../../src/commands/exec/input.js";
import { CliError } from "../../../src/errors.js";

describe("decodeInput", () => {
  it("keeps text as it is, a byte order mark and NUL included", () => {
    for (const text of ["", "é\n", "\ufeffx", "a\0b"]) assert.equal(decodeInput(Buffer.from(text)), text);
  });

  it("refuses bytes that would arrive changed", () => {
    assert.throws(
      () => decodeInput(Buffer.from([0x61, 0xff])),
      (error) => error instanceof CliError && error.code === "stdin_not_text",
    );
  });
});
