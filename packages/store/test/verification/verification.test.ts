/** Takes each verification of what is read away in turn: the tests of the code around it must then fail. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Random, seedOfRun } from "../random.js";
import { depth, drawn } from "../simulation/share.js";
import { allRefusals, sourceUrl, type Refusal } from "./refusals.js";
import { unseen } from "./unseen.js";
import type { Removal } from "./without.js";

const testUrl = new URL("../", import.meta.url);
const program = fileURLToPath(new URL("./without.js", import.meta.url));
const refusalsTried = 2 * depth;
/** Tests that hang have noticed. */
const timeoutMs = 120_000;

const bundles = "maintenance/bundle.test.js";
const damagedPacks = "maintenance/check/packs.test.js";
const damagedTrees = "maintenance/check/trees.test.js";

/** Where the tests are that are not, or not only, in the file named after the source. */
const testedIn: Record<string, string[]> = {
  "disk/layers.js": ["maintenance/check/disks.test.js"],
  "maintenance/bundle-format.js": [bundles],
  "maintenance/bundle-import.js": [bundles],
  "pack/format.js": [damagedPacks],
  "pack/frame.js": [damagedPacks],
  "pack/reader.js": [damagedPacks],
  "pack/segment-format.js": ["pack/segment.test.js", "pack/segment-merge.test.js", "pack/index.test.js"],
  "snapshot/new-file.js": ["snapshot/restore.test.js"],
  "tree/closure.js": [bundles],
  "tree/content-checker.js": [damagedTrees],
  "tree/directory.js": [damagedTrees],
};

function testsFor({ file }: Refusal): string[] {
  const own = file.replace(/\.js$/, ".test.js");
  return [...(existsSync(new URL(own, testUrl)) ? [own] : []), ...(testedIn[file] ?? [])];
}

function isNoticed(
  { file, start, end }: Pick<Refusal, "file" | "start" | "end">,
  names: readonly string[],
  instead = "undefined",
): boolean {
  const removal: Removal = { url: new URL(file, sourceUrl).href, start, end, instead };
  const tests = names.map((name) => new URL(name, testUrl).href);
  const { status } = spawnSync(process.execPath, [program, JSON.stringify({ removal, tests })], {
    timeout: timeoutMs,
    stdio: "ignore",
  });
  return status !== 0;
}

function nameOf({ file, text, ordinal }: Refusal): string {
  return `${file}: ${text}${ordinal === 1 ? "" : `, number ${ordinal}`}`;
}

describe("without one of the verifications, a test fails", () => {
  const random = new Random(seedOfRun());
  const refusals = allRefusals();
  for (const refusal of drawn(
    refusals.filter((one) => !unseen.has(nameOf(one))),
    refusalsTried,
    (end) => random.below(end),
  )) {
    test(nameOf(refusal), (t) => {
      t.diagnostic(`seed ${random.seed}`);
      assert.ok(isNoticed(refusal, testsFor(refusal)), "all tests pass without it");
    });
  }

  test("the verifications are found, and those that are listed as unseen are there", () => {
    assert.ok(refusals.length > 80, `${refusals.length}`);
    const known = new Set(refusals.map(nameOf));
    for (const name of unseen.keys()) assert.ok(known.has(name), name);
  });
});

describe("without one of the flags against following links, a test fails", () => {
  const file = "platform/linux.js";
  const source = readFileSync(new URL(file, sourceUrl), "utf8");
  const flags = [...source.matchAll(/\bflag\.(?:noFollow|atSymlinkNoFollow)\b/g)];

  test("they are found", () => assert.ok(flags.length >= 6, `${flags.length}`));

  for (const [number, { 0: text, index }] of flags.entries())
    test(`${text}, number ${number + 1}`, () => {
      const end = index + text.length;
      assert.ok(
        isNoticed({ file, start: index, end }, ["platform/linux.test.js"], "0"),
        "all tests pass without it",
      );
    });
});
