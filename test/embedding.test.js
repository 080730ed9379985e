// What somebody meets who embeds the store: its package, packed and put into a fresh project, runs the example of its README, as
// JavaScript and as TypeScript; and everything that it exports says what it is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import test from "node:test";
import ts from "typescript";
import { root } from "./imports.js";

const folder = join(root, "packages/store");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

const readme = readFileSync(join(folder, "README.md"), "utf8");
const [, example] = /```js\n(.*?)```/s.exec(readme);

/** Where a package lies that the store's would bring along, found as Node finds it. */
function installed(name) {
  const places = createRequire(join(folder, "package.json")).resolve.paths(name);
  return places
    .map((place) => join(place, name))
    .flatMap((path) => {
      try {
        return [realpathSync(path)];
      } catch {
        return [];
      }
    })[0];
}

/** A project of its own with the packed package and what that asks for; removed when the test ends. */
function freshProject(t) {
  const project = mkdtempSync(join(tmpdir(), "chaser-embedding-"));
  t.after(() => rmSync(project, { recursive: true, force: true }));
  const modules = join(project, "node_modules");
  const link = (name) => {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(installed(name), join(modules, name));
  };
  for (const name of Object.keys(manifest.dependencies)) link(name);
  link("@types/node");
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", project];
  const output = execFileSync("npm", pack, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const own = join(modules, manifest.name);
  mkdirSync(own, { recursive: true });
  execFileSync("tar", [
    "-xzf",
    join(project, JSON.parse(output)[0].filename),
    "-C",
    own,
    "--strip-components=1",
  ]);
  mkdirSync(join(project, "project"));
  writeFileSync(join(project, "project/notes"), "kept in a snapshot\n");
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  return project;
}

function runExample(project, file) {
  return execFileSync(process.execPath, [file], { cwd: project, encoding: "utf8" });
}

test("the example of the README is short, and runs in a fresh project with the packed package", (t) => {
  assert.ok(example.trimEnd().split("\n").length <= 30, "more than 30 lines");
  const project = freshProject(t);
  writeFileSync(join(project, "example.js"), example);
  const output = runExample(project, "example.js");
  assert.match(output, /^[0-9a-f]{64} 1 \d+\nkept in a snapshot\n0 changed, 0 created, 0 deleted\n/);
  assert.match(output, /driver: 'overlay'/);
  assert.match(output, /\n\d+ bytes freed, \d+ taken\n$/);
});

test("the example is TypeScript as well, and mistakes in it are found by the package's types", (t) => {
  const project = freshProject(t);
  const mistaken = example.replace('name: "before-upgrade"', "name: 7");
  const files = [join(project, "example.ts"), join(project, "mistaken.ts")];
  [example, mistaken].forEach((text, n) => writeFileSync(files[n], text));
  const program = ts.createProgram(files, {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    types: ["node"],
    typeRoots: [join(project, "node_modules/@types")],
  });
  const found = ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${basename(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
  assert.deepEqual(found, ["mistaken.ts: Type 'number' is not assignable to type 'string'."]);
  program.emit();
  assert.match(runExample(project, "example.js"), / bytes freed, /);
});

/** Members without a word of their own; of a type within a member, those that the member does not name either. */
function silentMembers(name, declaration) {
  const silent = [];
  const look = (node, owner, path) =>
    ts.forEachChild(node, (child) => {
      const isMember =
        ts.isPropertySignature(child) || ts.isMethodSignature(child) || ts.isPropertyDeclaration(child);
      if (!isMember) {
        if (!ts.isBlock(child)) look(child, ts.isConstructorDeclaration(child) ? child : owner, path);
        return;
      }
      const own = child.name.getText();
      // What tells the members of a union apart says itself what it is.
      const isMark = child.type !== undefined && ts.isLiteralTypeNode(child.type);
      const isSaid =
        ts.getJSDocCommentsAndTags(child).length > 0 || owner?.getFullText().includes(`\`${own}\``);
      if (!isMark && !isSaid) silent.push(`${path}.${own}`);
      look(child, child, `${path}.${own}`);
    });
  look(declaration, ts.isTypeAliasDeclaration(declaration) ? declaration : null, name);
  return silent;
}

test("everything that the package exports says what it is", () => {
  const entries = Object.keys(manifest.exports).map((entry) =>
    join(folder, "src", `${entry === "." ? "index" : basename(entry)}.ts`),
  );
  const options = { module: ts.ModuleKind.NodeNext, noLib: true, types: [] };
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  const exported = entries
    .flatMap((entry) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry))))
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
  assert.ok(
    exported.some(({ name }) => name === "Disks") && exported.some(({ name }) => name === "openStore"),
  );
  const silent = exported.flatMap((symbol) => [
    ...(symbol.getDocumentationComment(checker).length === 0 ? [symbol.name] : []),
    ...symbol.declarations
      .filter((node) => !ts.isFunctionLike(node) && !ts.isVariableDeclaration(node))
      .flatMap((node) => silentMembers(symbol.name, node)),
  ]);
  assert.deepEqual(silent, []);
});

test("the README says of every code what to do about it, and of no other", () => {
  const source = ts.createSourceFile(
    "errors.ts",
    readFileSync(join(folder, "src/errors.ts"), "utf8"),
    ts.ScriptTarget.Latest,
    true,
  );
  const codes = source.statements
    .filter((node) => ts.isTypeAliasDeclaration(node) && node.name.text === "StoreErrorCode")
    .flatMap((node) => node.type.types.map((member) => member.literal.text));
  const rows = readme
    .slice(readme.indexOf("## Errors"))
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const told = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, code]) => code));
  assert.deepEqual(told.sort(), codes.sort());
});
