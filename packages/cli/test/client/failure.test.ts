import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerError, streamError } from "../../src/client/failure.js";

const sender = { url: "http://127.0.0.1:7420", apiKey: "sk_x" };
const body = (code: string): string => JSON.stringify({ error: { code, message: "no" } });

describe("an error of the server", () => {
  it("ends the program in the same way as an answer and in a stream", () => {
    const cases: [number, string, number][] = [
      [400, "invalid_request", 2],
      [401, "unauthorized", 6],
      [404, "not_found", 3],
      [409, "workspace_name_taken", 4],
      [413, "workspace_disk_full", 5],
      [422, "import_failed", 1],
      [500, "internal", 1],
    ];
    for (const [status, code, expected] of cases) {
      assert.equal(answerError(status, body(code), sender).exitCode, expected, code);
      assert.equal(streamError(body(code), sender).exitCode, expected, code);
    }
  });

  it("is a failure where a stream gives a code that is not known here, or none", () => {
    for (const text of [body("of_a_later_server"), body("constructor"), "{}", "null", "nonsense"])
      assert.equal(streamError(text, sender).exitCode, 1, text);
  });
});
