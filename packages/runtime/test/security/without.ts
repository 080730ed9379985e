/** Loaded before a test, and before each program of node's that it starts: `CHASER_TEST_WITHOUT` says what source changes. */
import { register } from "node:module";
import type { Change } from "./mitigations.js";

register("./changing-loader.js", {
  parentURL: import.meta.url,
  data: JSON.parse(process.env["CHASER_TEST_WITHOUT"] ?? "[]") as Change[],
});
