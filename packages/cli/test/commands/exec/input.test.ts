import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { describe, it } from "node:test";
import { passInput, type PieceOfInput } from "../../../src/commands/exec/input.js";

const never = new AbortController().signal;

describe("passInput", () => {
  it("sends what was not taken again, from where it was cut, and says when it is over", async () => {
    const sent: PieceOfInput[] = [];
    let received = 0;
    await passInput(
      Readable.from([Buffer.from("abcdef"), Buffer.from("g")]),
      (piece) => {
        sent.push(piece);
        received += Math.min(piece.bytes.length, 4);
        return Promise.resolve(received);
      },
      never,
    );
    let text = "";
    for (const { bytes, offset } of sent) text = text.slice(0, offset) + bytes.toString();
    assert.equal(text, "abcdefg");
    assert.deepEqual(sent.at(-1), { bytes: Buffer.alloc(0), offset: 7, end: true });
    assert.equal(sent.filter(({ end }) => end).length, 1);
  });

  it("sends what there is, without waiting for the end", async () => {
    const input = new PassThrough();
    input.write("first");
    const sent: string[] = [];
    await new Promise<void>((ended) => {
      void passInput(
        input,
        ({ bytes, offset, end }) => {
          sent.push(end ? "end" : bytes.toString());
          if (end) ended();
          else input.end();
          return Promise.resolve(offset + bytes.length);
        },
        never,
      );
    });
    assert.deepEqual(sent, ["first", "end"]);
  });

  it("stops when told, and fails when sending does", async () => {
    const stop = new AbortController();
    const stopped = passInput(new PassThrough(), () => Promise.resolve(0), stop.signal);
    stop.abort();
    await stopped;
    const refused = new Error("refused");
    await assert.rejects(
      passInput(Readable.from([Buffer.from("x")]), () => Promise.reject(refused), never),
      refused,
    );
  });
});
