import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../src/log.js";

test("each event is one line of JSON without control bytes", () => {
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line) });
  log.info("request", { path: "/a\nb\u001b[31m\u009b" });
  log.error("failed", new Error("outer", { cause: new Error("inner") }));
  assert.equal(lines.length, 2);
  for (const line of lines) assert.match(line, /^[^\u0000-\u001f\u007f-\u009f]*\n$/);
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, any>);
  assert.equal(first?.["path"], "/a\nb\u001b[31m\u009b");
  assert.equal(second?.["cause"].error, "inner");
});
