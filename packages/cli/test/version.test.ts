import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { version } from "../src/version.js";

it("the version is the package's", () => {
  const file = new URL("../../package.json", import.meta.url);
  assert.equal((JSON.parse(readFileSync(file, "utf8")) as { version: string }).version, version);
});
