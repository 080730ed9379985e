import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createEventParser, eventCharactersMax, type StreamEvent } from "../../src/client/events.js";

function parse(...pieces: string[]): StreamEvent[] {
  const parser = createEventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

describe("createEventParser", () => {
  it("gives event, data and id", () => {
    assert.deepEqual(parse("id: 7\nevent: stdout\ndata: {}\n\n"), [{ event: "stdout", data: "{}", id: "7" }]);
  });

  it("gives the same events wherever the stream is cut, for every line ending", () => {
    for (const ending of ["\n", "\r\n", "\r"]) {
      const text = [
        "event: a",
        "data: 1",
        "data: 2",
        "",
        ": remark",
        "data:3",
        "",
        "event: b",
        "data: é",
        "",
        "",
      ].join(ending);
      const whole = parse(text);
      assert.deepEqual(
        whole.map(({ event, data }) => [event, data]),
        [
          ["a", "1\n2"],
          ["message", "3"],
          ["b", "é"],
        ],
      );
      assert.deepEqual(parse(...text), whole, `one character at a time, ending ${JSON.stringify(ending)}`);
    }
  });

  it("holds back an event that the stream did not finish", () => {
    assert.deepEqual(parse("event: complete\ndata: {}\n"), []);
  });

  it("ignores a block without data, a byte order mark and fields it does not know", () => {
    assert.deepEqual(parse("\ufeffevent: keepalive\n\nretry: 5\nweird\ndata\n\n"), [
      { event: "message", data: "", id: "" },
    ]);
  });

  it("keeps all but one leading space of a value", () => {
    assert.deepEqual(parse("data:  two\n\n")[0]?.data, " two");
  });

  it("refuses an event that never ends", () => {
    const parser = createEventParser();
    const piece = "data: " + "x".repeat(eventCharactersMax / 2) + "\n";
    parser.push(piece);
    assert.throws(() => {
      parser.push(piece);
      parser.push(piece);
    }, RangeError);
  });
});
