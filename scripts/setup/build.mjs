// Compiles the TypeScript packages, and knows without starting the compiler when there is nothing to do.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { bundle, isBundled } from "./bundle.mjs";
import { run, step } from "./run.mjs";

const sourceFolders = ["packages", "bench"];
const skippedFolders = new Set(["node_modules", "dist"]);

function addFolder(hash, folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!skippedFolders.has(entry.name)) addFolder(hash, path);
    } else if (/\.(ts|mts|cts|json)$/.test(entry.name)) {
      addFile(hash, path);
    }
  }
}

function addFile(hash, path) {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  hash.update(`${path}\0${size}\0${mtimeNs}\n`);
}

/** Changes whenever a file changes that the compiler reads, or the compiler itself. */
export function sourceFingerprint(root) {
  const hash = createHash("sha256");
  addFile(hash, join(root, "tsconfig.json"));
  addFile(hash, join(root, "tsconfig.base.json"));
  hash.update(readFileSync(join(root, "package-lock.json")));
  for (const folder of sourceFolders) addFolder(hash, join(root, folder));
  return hash.digest("hex");
}

/** False when a package's output was removed since, or compiled and not bundled. */
export function isBuilt(root) {
  const references = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")).references;
  return references.every(({ path }) => existsSync(join(root, path, "dist/.tsbuildinfo"))) && isBundled(root);
}

export async function build(root) {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await step("build", () => run(process.execPath, [compiler, "-b"], { cwd: root }));
  await bundle(root);
}
