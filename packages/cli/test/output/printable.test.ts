import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonPath, printable, printableLines, printablePath } from "../../src/output/printable.js";

describe("printable", () => {
  it("leaves ordinary text of any script alone", () => {
    for (const text of ["a b-c_1", "naïve", "日本語", "😀", "שלום"]) assert.equal(printable(text), text);
  });

  it("escapes what drives a terminal", () => {
    assert.equal(printable("a\u001b[2Jb"), "a\\x1b[2Jb");
    assert.equal(printable("a\r\n\tb\u007f\u009b"), "a\\x0d\\n\\tb\\x7f\\x9b");
    assert.equal(printable("\u202etxt.exe"), "\\u{202e}txt.exe");
    assert.equal(printable("\ud800"), "\\u{d800}");
  });

  it("keeps line breaks when lines are wanted", () => {
    assert.equal(printableLines("a\n\tb\u0007"), "a\n\tb\\x07");
  });
});

describe("printablePath", () => {
  it("shows every byte, and no two paths alike", () => {
    const paths = [
      Buffer.from("dir/naïve"),
      Buffer.from([0x61, 0xff, 0x62]),
      Buffer.from("a\\xffb"),
      Buffer.from([0xc3]),
      Buffer.from([0xe2, 0x82]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from("\ufffd"),
      Buffer.from([0xf4, 0x90, 0x80, 0x80]),
    ];
    const shown = paths.map(printablePath);
    assert.deepEqual(shown, [
      "dir/naïve",
      "a\\xffb",
      "a\\\\xffb",
      "\\xc3",
      "\\xe2\\x82",
      "\\xed\\xa0\\x80",
      "\ufffd",
      "\\xf4\\x90\\x80\\x80",
    ]);
  });

  it("agrees for every single byte and pair with whether it is UTF-8", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    for (let value = 0; value < 0x10000; value += 1) {
      const bytes = Buffer.from([value >> 8, value & 0xff]);
      let valid = true;
      try {
        decoder.decode(bytes);
      } catch {
        valid = false;
      }
      assert.equal("path_base64" in jsonPath(bytes), !valid, bytes.toString("hex"));
      const high = printablePath(bytes).match(/\\x[89a-f]/) !== null;
      const isControl = value >= 0xc280 && value <= 0xc29f;
      assert.equal(high, !valid || isControl, bytes.toString("hex"));
    }
  });
});
