import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { verifyEqual } from "../compare.js";
import { changeFiles, writeNodeModules } from "../workloads/node-modules.js";

describe("a made node_modules", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const listing = (tree: string): string =>
    execFileSync("find", [tree, "-printf", "%P %y %m %l\\n", "-type", "f", "-exec", "cksum", "{}", "+"], {
      encoding: "utf8",
    })
      .replaceAll(tree, "")
      .split("\n")
      .sort()
      .join("\n");

  test("is the same for the same seed and another for another", () => {
    const made = ["a", "b"].map((name) => writeNodeModules(join(folder, name), { files: 300, seed: 7 }));
    writeNodeModules(join(folder, "c"), { files: 300, seed: 8 });
    assert.deepEqual(made[0], made[1]);
    assert.equal(listing(join(folder, "a")), listing(join(folder, "b")));
    assert.notEqual(listing(join(folder, "a")), listing(join(folder, "c")));
  });

  test("has the number of files that was asked for", () => {
    const found = execFileSync("find", [join(folder, "a"), "-type", "f"], { encoding: "utf8" });
    assert.equal(found.trimEnd().split("\n").length, 300);
  });

  test("has files of about the mean size asked for", () => {
    const { files, bytes } = writeNodeModules(join(folder, "sizes"), {
      files: 4_000,
      seed: 3,
      fileBytesMean: 1_000,
    });
    assert.ok(bytes / files > 500 && bytes / files < 2_000, `mean is ${bytes / files} bytes`);
  });

  test("a changed file is noticed by the comparison of trees", async () => {
    const [a, b] = [join(folder, "a"), join(folder, "copy")];
    execFileSync("cp", ["-a", a, b]);
    await verifyEqual(a, b, "full");
    await verifyEqual(a, b, "content");
    const found = execFileSync("find", [b, "-type", "f", "-printf", "%P\\n"], { encoding: "utf8" });
    assert.equal(changeFiles(b, found.trimEnd().split("\n"), 10, 1).length, 10);
    await assert.rejects(verifyEqual(a, b, "full"), /differs/);
    await assert.rejects(verifyEqual(a, b, "content"), /differs/);
  });

  test("an extra and a missing file are noticed by the comparison of trees", async () => {
    const [a, c] = [join(folder, "a"), join(folder, "c")];
    await assert.rejects(verifyEqual(a, c, "content"), /differs/);
    await assert.rejects(verifyEqual(c, a, "content"), /differs/);
  });
});
