// Compiles the native addons from the sources in their npm packages. Their own install scripts would first look
// for a ready-made binary somewhere else on the network; here nothing runs that npm's integrity check has not covered.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { toolchain } from "./needs.mjs";
import { nodeGypProgram } from "./packages.mjs";
import { SetupError, findCommand, run, step } from "./run.mjs";
import { installNeeds, installPackages } from "./system.mjs";

/** `check` is a program that fails when the addon in `addon` cannot do its work. */
const addons = [
  {
    name: "fs-ext",
    binary: "fs_ext.node",
    check: "if (addon.constants.LOCK_EX !== 2) throw new Error('no flock')",
  },
  { name: "zstd-napi", binary: "binding.node", check: "addon.decompress(addon.compress(Buffer.from('x')))" },
  {
    name: "better-sqlite3",
    binary: "better_sqlite3.node",
    check: "new addon(':memory:').close()",
    // What SQLite's own build uses; its one large file takes a third longer to compile with -O3.
    env: { CFLAGS: "-O2" },
  },
];

function version(root, addon) {
  return JSON.parse(readFileSync(join(root, "node_modules", addon.name, "package.json"), "utf8")).version;
}

/** Where the loader of the package looks for its binary. */
function installedFile(root, addon) {
  return join(root, "node_modules", addon.name, "build/Release", addon.binary);
}

/** `npm ci` empties node_modules, so the result is kept outside, under all that it depends on. */
function keptFile(root, addon) {
  const glibc = process.report?.getReport().header.glibcVersionRuntime ?? "musl";
  const platform = `${process.platform}-${process.arch}-${process.versions.modules}-${glibc}`;
  return join(root, ".chaser-build/addons", platform, `${addon.name}-${version(root, addon)}`, addon.binary);
}

/** Copies so that the target is whole or absent, whenever this process dies. */
function copyWhole(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.partial`);
  renameSync(`${to}.partial`, to);
}

/** Tries the addon in a process of its own, which an unfit binary may crash. Null when it works. */
async function loadFailure(root, addon) {
  const program = `const addon = require(${JSON.stringify(addon.name)}); ${addon.check}`;
  try {
    await run(process.execPath, ["-e", program], { cwd: root });
    return null;
  } catch (error) {
    return error;
  }
}

/** The prefix of this node when its headers are beside it; node-gyp fetches them from nodejs.org otherwise. */
function headersPrefix() {
  for (const prefix of [join(dirname(process.execPath), ".."), "/usr"]) {
    const file = join(prefix, "include/node/node_version.h");
    if (!existsSync(file)) continue;
    const text = readFileSync(file, "utf8");
    const number = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
    const found = `${number("MAJOR")}.${number("MINOR")}.${number("PATCH")}`;
    if (found === process.versions.node) return prefix;
  }
  return null;
}

/** Debian's own node keeps its headers in a package of their own. */
async function installHeaders() {
  if (headersPrefix() !== null || findCommand("dpkg-query") === null) return;
  const owner = await run("dpkg-query", ["-S", process.execPath]).catch(() => "");
  if (owner.startsWith("nodejs:")) await installPackages(["libnode-dev"]);
}

async function compile(root, addon) {
  const folder = join(root, "node_modules", addon.name);
  const env = { ...process.env, JOBS: String(availableParallelism()), ...addon.env };
  const prefix = headersPrefix();
  if (prefix !== null) env.npm_config_nodedir = prefix;
  await run(process.execPath, [nodeGypProgram(), "rebuild", "--release"], { cwd: folder, env });
  copyWhole(installedFile(root, addon), keptFile(root, addon));
  // Object files are many times the size of the binary, which is all that is ever loaded.
  rmSync(join(folder, "build"), { recursive: true, force: true });
  copyWhole(keptFile(root, addon), installedFile(root, addon));
}

/** Uses what an earlier set-up compiled. False when there is nothing, or nothing that loads. */
async function installKept(root, addon) {
  if (!existsSync(keptFile(root, addon))) return false;
  copyWhole(keptFile(root, addon), installedFile(root, addon));
  return (await loadFailure(root, addon)) === null;
}

/** Makes sure that every addon is compiled for this node and works. */
export async function installAddons(root) {
  const toCompile = [];
  for (const addon of addons) {
    if (existsSync(installedFile(root, addon)) && (await loadFailure(root, addon)) === null) continue;
    if (!(await installKept(root, addon))) toCompile.push(addon);
  }
  if (toCompile.length === 0) return;

  await installNeeds(toolchain);
  await installHeaders();
  await Promise.all(
    toCompile.map((addon) =>
      step(`native addon ${addon.name}, up to three minutes`, () => compile(root, addon)),
    ),
  );
  for (const addon of toCompile) {
    const failure = await loadFailure(root, addon);
    if (failure !== null)
      throw new SetupError(`the native addon ${addon.name} does not work: ${failure.message}`);
  }
}
