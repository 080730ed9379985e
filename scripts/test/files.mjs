// Which compiled test files there are. Found from the sources, so that what a removed source left in dist is not run.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const sourceName = /\.test\.ts$/;

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).sort();
}

/** Compiled tests of the packages in these folders, relative to the repository. */
export function compiledTests(root, folders) {
  return folders.flatMap((folder) =>
    filesBelow(join(root, folder, "test"))
      .filter((name) => sourceName.test(name))
      .map((name) => join(folder, "dist/test", name.replace(sourceName, ".test.js"))),
  );
}

/** Tests about the repository itself, which need no compiling. */
export function repositoryTests(root) {
  return filesBelow(join(root, "test"))
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => join("test", name));
}
