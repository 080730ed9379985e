import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { root } from "./imports.js";

function manifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/** What belongs to the repository: what git tracks, or everything but built files where there is no git. */
function repositoryFiles() {
  if (existsSync(join(root, ".git"))) {
    const listing = execFileSync("git", ["-c", `safe.directory=${root}`, "ls-files", "-z"], {
      cwd: root,
      encoding: "utf8",
    });
    return listing.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  }
  return readdirSync(root, { recursive: true }).filter(
    (path) =>
      !/(^|\/)(node_modules|dist|\.chaser-build)(\/|$)/.test(path) && statSync(join(root, path)).isFile(),
  );
}

/** Files with a NUL byte are data, not text. */
function texts() {
  return repositoryFiles()
    .map((path) => [path, readFileSync(join(root, path))])
    .filter(([, bytes]) => !bytes.includes(0))
    .map(([path, bytes]) => [path, bytes.toString("utf8")]);
}

test("the lock file names no place to download from, so that everybody's own registry is used", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const resolved = Object.entries(packages).filter(([, entry]) => /^[a-z+]+:/.test(entry.resolved ?? ""));
  assert.deepEqual(
    resolved.map(([path, entry]) => `${path}: ${entry.resolved}`),
    [],
  );
  const unpinned = Object.entries(packages).filter(
    ([path, entry]) =>
      /(^|\/)node_modules\//.test(path) && entry.link !== true && entry.integrity === undefined,
  );
  assert.deepEqual(
    unpinned.map(([path]) => path),
    [],
  );
});

test("no file names a path of the machine it was written on, or a private registry", () => {
  const patterns = [
    // `/home/chaser` is the home inside a sandbox, `me` and `user` stand for anybody; any other is somebody's own.
    /\/(home|Users)\/(?!(user|me|chaser)\b)[a-z][a-z0-9_-]+\//i,
    /(?<![\w.])\/root\/[\w.-]+/,
    /https?:\/\/[^\s"'`/]*(artifactory|nexus|verdaccio|proxy|mirror|registry)[^\s"'`/]*\//i,
  ];
  const wrong = [];
  for (const [path, text] of texts()) {
    if (path === "test/repository.test.js") continue;
    if (text.includes(`${root}/`)) wrong.push(`${path}: ${root}`);
    for (const pattern of patterns) {
      const found = pattern.exec(text);
      if (found !== null) wrong.push(`${path}: ${found[0]}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("ARCHITECTURE.md gives the reason for every dependency", () => {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const missing = [];
  for (const folder of [
    ".",
    "packages/store",
    "packages/runtime",
    "packages/server",
    "packages/cli",
    "bench",
  ]) {
    const { dependencies, optionalDependencies, devDependencies } = manifest(folder);
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies })) {
      if (!name.startsWith("@chaser/") && !text.includes(`\`${name}\``)) missing.push(`${folder}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** Dependencies with an install script that is not needed, because no install script is ever run. */
const installScriptsUnneeded = {
  esbuild:
    "checks its program, which comes as a package of its own, and links it in the place of a small starter",
  blake3: "would fetch a native binary; without it the package's own WebAssembly is used",
  koffi: "its binaries come as npm packages of their own",
};

test("what an install script would have done is known for every dependency that has one", () => {
  assert.match(readFileSync(join(root, ".npmrc"), "utf8"), /^ignore-scripts=true$/m);
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const addons = readFileSync(join(root, "scripts/setup/addons.mjs"), "utf8");
  const unknown = Object.entries(packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([path]) => path.replace(/^.*node_modules\//, ""))
    .filter((name) => !addons.includes(`"${name}"`) && !(name in installScriptsUnneeded));
  assert.deepEqual(unknown, []);
});

test("links in the documents at the top lead to files", () => {
  const wrong = [];
  for (const document of ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"]) {
    const text = readFileSync(join(root, document), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      if (!existsSync(join(root, target))) wrong.push(`${document}: ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});
