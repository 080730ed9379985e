// Installs the npm packages that package-lock.json names, without running any of their scripts.
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SetupError, findCommand, run, step } from "./run.mjs";

/** npm's own program file: the one that started us, else the one in PATH, else the one beside node. */
function npmProgram() {
  const fromPath = findCommand("npm");
  const candidates = [
    process.env.npm_execpath,
    fromPath === null ? undefined : realpathSync(fromPath),
    join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js"),
  ];
  // Another package manager may have started us; only npm brings node-gyp along.
  const program = candidates.find((file) => file?.endsWith("npm-cli.js") && existsSync(file));
  if (program === undefined)
    throw new SetupError("npm was not found; install the npm that belongs to this node");
  return program;
}

/** The node-gyp that npm brings along. */
export function nodeGypProgram() {
  return createRequire(npmProgram()).resolve("node-gyp/bin/node-gyp.js");
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** True when node_modules holds what the lock file names: npm leaves a copy of the lock it installed there. */
export function npmPackagesInstalled(root) {
  const installedLock = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installedLock)) return false;
  const wanted = readJson(join(root, "package-lock.json")).packages;
  const installed = readJson(installedLock).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!/(^|\/)node_modules\//.test(path) || entry.link === true) continue;
    const present = installed[path];
    // npm leaves out optional packages that are made for other systems.
    if (present === undefined && entry.optional === true) continue;
    if (present?.version !== entry.version || present.integrity !== entry.integrity) return false;
    if (!existsSync(join(root, path))) return false;
  }
  return true;
}

export async function installNpmPackages(root) {
  await step("npm packages", () =>
    run(process.execPath, [npmProgram(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: root }),
  );
}
