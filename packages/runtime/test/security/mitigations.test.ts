/** Takes what keeps attacks out away: the tests of these attacks must then fail, and not because nothing runs any more. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { noSandbox } from "../support/available.js";
import { MITIGATIONS, type Mitigations } from "./mitigations.js";

const testUrl = new URL("../", import.meta.url);
const without = new URL("./without.js", import.meta.url).href;

/**
 * `npm test` tries some, others each day, but with `CI` set always the same, so that it judges the change and not the day;
 * `npm run test:deep` tries all.
 */
const TRIED = process.env["CHASER_DEEP"] === undefined ? 2 : MITIGATIONS.length;
const DAY_MS = 86_400_000;
const today = process.env["CI"] === "true" ? 0 : Math.floor(Date.now() / DAY_MS);
const tried = Array.from(
  { length: TRIED },
  (_, index) => MITIGATIONS[(today * TRIED + index) % MITIGATIONS.length] as Mitigations,
);

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** The names of the tests that failed, and of those that passed, with the changes. */
async function outcome({
  test,
  changes,
  noticedBy,
}: Mitigations): Promise<{ failed: string[]; text: string }> {
  const patterns = [...noticedBy, "comes to its end"].map(
    (name) => `--test-name-pattern=/^${escaped(name)}$/`,
  );
  const child = spawn(
    process.execPath,
    ["--test-reporter=tap", ...patterns, fileURLToPath(new URL(test, testUrl))],
    {
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        NODE_OPTIONS: `--import=${without}`,
        CHASER_TEST_WITHOUT: JSON.stringify(changes),
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  const failed = [...text.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map(([, name]) => name ?? "");
  return { failed, text };
}

describe("without what keeps attacks out", { skip: noSandbox }, () => {
  for (const mitigations of tried) {
    it(`its tests fail: ${mitigations.name}`, { skip: mitigations.skip ?? false }, async () => {
      const { failed, text } = await outcome(mitigations);
      assert.deepEqual(
        mitigations.noticedBy.filter((name) => !failed.includes(name)),
        [],
        text,
      );
      assert.ok(!failed.includes("comes to its end"), text);
    });
  }

  it("each piece stands in the source, once", () => {
    for (const { file, piece } of MITIGATIONS.flatMap(({ changes }) => changes)) {
      const source = readFileSync(new URL(`../src/${file}`, testUrl), "utf8");
      assert.equal(source.split(piece).length - 1, 1, `${file}: ${piece}`);
    }
  });
});
