import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { isBundled } from "../scripts/setup/bundle.mjs";
import { root } from "./imports.js";

const packages = ["store", "runtime", "server", "cli"];

function manifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

for (const name of packages) {
  const folder = `packages/${name}`;

  test(`@chaser/${name}: exports lead to built files, and importing works`, async () => {
    const { exports, bin } = manifest(folder);
    for (const target of Object.values(exports).flatMap((entry) => Object.values(entry))) {
      assert.ok(existsSync(join(root, folder, target)), `${folder}/${target} is missing`);
    }
    for (const target of Object.values(bin ?? {})) {
      const text = readFileSync(join(root, folder, target), "utf8");
      assert.match(text, /^#!\/usr\/bin\/env node\n/, `${folder}/${target} cannot be started as a program`);
    }
    const url = import.meta.resolve(`@chaser/${name}`);
    assert.equal(url, new URL(`../${folder}/${exports["."].default}`, import.meta.url).href);
    assert.ok(Object.keys(await import(url)).length > 0, "nothing is exported");
  });

  test(`@chaser/${name}: the packed package holds what it needs and no tests`, () => {
    const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: join(root, folder),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const files = JSON.parse(output)[0].files.map((file) => file.path);
    assert.ok(files.includes("README.md"), "no README.md");
    assert.ok(files.includes("dist/src/index.js") && files.includes("dist/src/index.d.ts"), "no built entry");
    const strangers = files.filter(
      (file) => !/^(dist\/src\/|[A-Z]+\.md$|LICENSE$|package\.json$)/.test(file),
    );
    assert.deepEqual(strangers, []);
  });
}

test("what the threads of the store begin with is one file each, made of what was compiled", () => {
  assert.ok(isBundled(root), "run `npm run build`, which does more than the compiler");
});

test("every package carries the version of the whole, and asks for the others at that version", () => {
  const { version } = manifest(".");
  for (const name of packages) {
    const own = manifest(`packages/${name}`);
    assert.equal(own.version, version);
    assert.equal(own.license, "MIT");
    for (const [dependency, range] of Object.entries(own.dependencies ?? {})) {
      if (dependency.startsWith("@chaser/"))
        assert.equal(range, version, `${own.name} asks for ${dependency}@${range}`);
    }
  }
});
