// Reads which file imports which, types included, from the sources themselves.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function sourcesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes("node_modules/") && !path.includes("dist/"));
}

/** Paths relative to the repository of all TypeScript sources. */
export function sourceFiles() {
  return [...sourcesBelow("packages"), ...sourcesBelow("bench")].sort();
}

/**
 * What one source imports: `file` is set for a path, relative to the repository; `name` for a package. Worker threads
 * are started from `new URL("./x.js", import.meta.url)`, which binds two files as firmly as an import.
 */
export function importsOf(path) {
  const text = readFileSync(join(root, path), "utf8");
  const named = ts.preProcessFile(text, true, true).importedFiles.map((found) => found.fileName);
  return named.map((name) =>
    name.startsWith(".") ? { file: join(dirname(path), name).replace(/\.js$/, ".ts") } : { name },
  );
}

/** Whether one of this repository's packages has an export of that name. */
export function isExported(name) {
  const folder = packageOf(name).slice("@chaser/".length);
  const { exports } = JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));
  return `.${name.slice(packageOf(name).length)}` in exports;
}

/** The package a bare import names: `@scope/name` or `name`, without what follows. */
export function packageOf(name) {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}
