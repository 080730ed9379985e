import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { ServerError } from "../../src/errors.js";
import { uploadParts } from "../../src/sessions/upload-parts.js";

const type = "multipart/form-data; boundary=b";

function form(names: Iterable<string>): Readable {
  const parts = Array.from(
    names,
    (name) => `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\nx\r\n`,
  );
  return Readable.from([Buffer.from(`${parts.join("")}--b--\r\n`)]);
}

async function namesOf(body: Readable): Promise<(string | null)[]> {
  const names: (string | null)[] = [];
  for await (const { fileName, content } of uploadParts(type, body)) {
    names.push(fileName);
    for await (const _ of content);
  }
  return names;
}

describe("the files of a form", () => {
  test("have names without any directory", async () => {
    assert.deepEqual(await namesOf(form(["a", "../b", "/etc/c", "C:\\d"])), ["a", "b", "c", "d"]);
  });

  test("are at most a thousand", async () => {
    const names = Array.from({ length: 1001 }, (_, n) => `f${n}`);
    assert.equal((await namesOf(form(names.slice(1)))).length, 1000);
    await assert.rejects(
      namesOf(form(names)),
      (error) =>
        error instanceof ServerError && error.code === "invalid_request" && /1000 files/.test(error.message),
    );
  });
});
