import assert from "node:assert/strict";
import test from "node:test";
import { importsOf, isExported, packageOf, sourceFiles } from "./imports.js";

/** Each package may import those before it, never those after it. */
const packageOrder = ["store", "runtime", "server", "cli", "bench"];

/** Each folder of the store may import those before it. Files at the top of the package stand below all folders. */
const storeOrder = ["platform", "chunk", "pack", "tree", "snapshot", "disk", "maintenance", "engine"];

/** The files that put the store together stand above all folders. */
const storeTop = new Set(["index", "store", "files"].map((name) => `packages/store/src/${name}.ts`));

const sources = sourceFiles();
const production = sources.filter((path) => /^packages\/[^/]+\/src\//.test(path));

function packageFolder(path) {
  return path.startsWith("bench/") ? "bench" : path.split("/")[1];
}

function storeLevel(path) {
  if (storeTop.has(path)) return storeOrder.length;
  const folder = /^packages\/store\/src\/([^/]+)\//.exec(path)?.[1];
  return folder === undefined ? -1 : storeOrder.indexOf(folder);
}

test("there are sources to look at", () => {
  assert.ok(production.length > 20, `only ${production.length} sources found`);
});

test("packages import only packages below them", () => {
  const wrong = [];
  for (const path of sources) {
    const own = packageOrder.indexOf(packageFolder(path));
    for (const { name } of importsOf(path)) {
      if (name === undefined || !name.startsWith("@chaser/")) continue;
      const other = packageOrder.indexOf(packageOf(name).slice("@chaser/".length));
      if (other === -1 || other >= own) wrong.push(`${path} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("packages import each other by name, never through a path or past the exports", () => {
  const wrong = [];
  for (const path of sources) {
    // The benchmark of inner loops takes the types of what it measures, which no package exports.
    if (path === "bench/micro/store-internals.ts") continue;
    for (const { file, name } of importsOf(path)) {
      if (file !== undefined && packageFolder(file) !== packageFolder(path))
        wrong.push(`${path} imports ${file}`);
      if (name?.startsWith("@chaser/") && !isExported(name)) wrong.push(`${path} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("every folder of the store has its place in the order", () => {
  const folders = new Set(
    production
      .map((path) => /^packages\/store\/src\/([^/]+)\//.exec(path)?.[1])
      .filter((name) => name !== undefined),
  );
  assert.deepEqual(
    [...folders].filter((folder) => !storeOrder.includes(folder)),
    [],
  );
});

test("inside the store, imports point from higher folders to lower ones", () => {
  const wrong = [];
  for (const path of production.filter((file) => file.startsWith("packages/store/"))) {
    for (const { file } of importsOf(path)) {
      if (file !== undefined && storeLevel(file) > storeLevel(path)) wrong.push(`${path} imports ${file}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("production sources do not import tests", () => {
  const wrong = production.flatMap((path) =>
    importsOf(path)
      .filter(({ file, name }) => file?.includes("/test/") === true || name === "node:test")
      .map(({ file, name }) => `${path} imports ${file ?? name}`),
  );
  assert.deepEqual(wrong, []);
});

test("there are no import cycles, imports of types included", () => {
  const edges = new Map(
    sources.map((path) => [path, importsOf(path).flatMap(({ file }) => (file === undefined ? [] : [file]))]),
  );
  const finished = new Set();
  const cycles = [];
  const visit = (path, trail) => {
    if (finished.has(path)) return;
    const start = trail.indexOf(path);
    if (start !== -1) {
      cycles.push([...trail.slice(start), path].join(" -> "));
      return;
    }
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of sources) visit(path, []);
  assert.deepEqual(cycles, []);
});

test("every package that a source imports is a dependency of its own package", async () => {
  const wrong = [];
  const declared = new Map();
  for (const path of sources) {
    const folder = packageFolder(path) === "bench" ? "bench" : `packages/${packageFolder(path)}`;
    if (!declared.has(folder)) {
      const { default: manifest } = await import(`../${folder}/package.json`, { with: { type: "json" } });
      declared.set(folder, {
        ...manifest.dependencies,
        ...manifest.optionalDependencies,
        ...manifest.devDependencies,
      });
    }
    for (const { name } of importsOf(path)) {
      if (name === undefined || name.startsWith("node:")) continue;
      if (!(packageOf(name) in declared.get(folder))) wrong.push(`${path} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});
