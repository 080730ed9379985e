import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { StoryError } from "./cli.mjs";

const filesMin = 1000;
const filesMax = 20_000;

/** A real source tree that a sandbox can see, which means below /usr: npm's own where Node came with the system. */
export function findSourceTree() {
  const candidates = [
    join(dirname(process.execPath), "../lib/node_modules/npm"),
    "/usr/lib/node_modules/npm",
    "/usr/local/lib/node_modules/npm",
    "/usr/share/nodejs",
    ...pythonTrees(),
    "/usr/include",
    "/usr/share/perl",
    "/usr/share/doc",
  ];
  for (const tree of candidates) {
    if (!tree.startsWith("/usr/") || !existsSync(tree)) continue;
    const files = countFiles(tree);
    if (files >= filesMin && files <= filesMax) return { tree, files };
  }
  throw new StoryError(
    `no directory below /usr has between ${filesMin} and ${filesMax} files`,
    `looked at: ${candidates.join(", ")}`,
  );
}

function pythonTrees() {
  return readdirSync("/usr/lib")
    .filter((name) => /^python3/.test(name))
    .map((name) => join("/usr/lib", name));
}

function countFiles(tree) {
  try {
    return readdirSync(tree, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .length;
  } catch {
    return 0;
  }
}
