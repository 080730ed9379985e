import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CliError } from "../../../src/errors.js";
import { trimmed, typedBytes } from "../../../src/commands/store/paths.js";

describe("a path inside a snapshot", () => {
  it("may be typed with slashes and dots around it", () => {
    for (const [typed, path] of [
      ["a/b", "a/b"],
      ["/a/b/", "a/b"],
      ["./a//", "a"],
      [".//./a", "a"],
      [".", ""],
      ["./", ""],
      ["/", ""],
      ["", ""],
      [".hidden", ".hidden"],
      ["..", ".."],
      ["./.hidden/.", ".hidden/."],
    ] as const) {
      assert.equal(Buffer.from(trimmed(Buffer.from(typed))).toString(), path, typed);
    }
  });

  it("has the bytes that were typed, also where they are not UTF-8", () => {
    const raw = (...words: (string | number[])[]) => {
      return () => words.map((word) => Buffer.from(word as string));
    };
    const text = "caf\ufffd";
    const bytes = [0x63, 0x61, 0x66, 0xe9];
    assert.deepEqual(typedBytes("caf\u00e9", raw()), Buffer.from("caf\u00e9"));
    assert.deepEqual(typedBytes(text, raw("node", "ls", bytes)), Buffer.from(bytes));
    assert.deepEqual(typedBytes(text, raw([...Buffer.from("--path="), ...bytes])), Buffer.from(bytes));
    assert.deepEqual(typedBytes(text, raw(text)), Buffer.from(text));
    assert.deepEqual(typedBytes(text, raw()), Buffer.from(text));
    assert.throws(() => typedBytes(text, raw(bytes, [...bytes.slice(0, 3), 0xe8])), CliError);
  });
});
