import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreError } from "@chaser/store";
import { errorDocument, toCliError } from "../src/failure.js";

test("paths of the store's errors are text in the document, and bytes beside it where they are none", () => {
  const details = (path: Uint8Array): unknown =>
    errorDocument(toCliError(new StoreError("path_not_found", "there is nothing", { data: { path } }))).error
      .details;
  assert.deepEqual(details(Buffer.from("a/ü")), { path: "a/ü" });
  assert.deepEqual(details(new Uint8Array([0x61, 0xff])), { path: "a\\xff", path_base64: "Yf8=" });
});

test("problems that a failed restore had are listed in the document", () => {
  const problems = [{ path: Buffer.from("a"), code: "corrupt", message: "frame does not match its digest" }];
  const error = new StoreError("corrupt", "damaged in the store and not restored", { data: { problems } });
  assert.deepEqual(errorDocument(toCliError(error)).error.details, {
    problems: [{ path: "a", code: "corrupt", message: "frame does not match its digest" }],
  });
});
