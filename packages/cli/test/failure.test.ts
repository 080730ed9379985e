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
