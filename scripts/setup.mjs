// Makes a bare clone ready: system packages, npm packages, native addons, build. What is done already is skipped,
// so that it can stand in front of every other script. Only Node's own modules are used: it runs before npm does.
//
//     node scripts/setup.mjs [--for=lint|quickstart|test|bench]
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installAddons } from "./setup/addons.mjs";
import { build, isBuilt, sourceFingerprint } from "./setup/build.mjs";
import { needs } from "./setup/needs.mjs";
import { installNpmPackages, npmPackagesInstalled } from "./setup/packages.mjs";
import { linkPrograms } from "./setup/programs.mjs";
import { SetupError, seconds } from "./setup/run.mjs";
import { installNeeds } from "./setup/system.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stateFile = join(root, ".chaser-build/state.json");
const oldestNode = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new SetupError(
    `node ${process.versions.node} is too old: ${oldestNode.join(".")} or later is needed`,
  );
}

/** What the addons were compiled for. */
function installationKey() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${process.platform} ${process.arch} ${process.version}`;
}

function readState() {
  try {
    return JSON.parse(readFileSync(stateFile, "utf8"));
  } catch {
    return {};
  }
}

function writeState(state) {
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(`${stateFile}.partial`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${stateFile}.partial`, stateFile);
}

async function setUp(purpose) {
  checkNode();
  await installNeeds(needs[purpose]);

  const state = readState();
  if (!npmPackagesInstalled(root)) {
    // The addons go with the packages that they lie in.
    delete state.installation;
    writeState(state);
    await installNpmPackages(root);
  }
  // The C++ compiler ends with one large file on one core: the TypeScript compiler has the other.
  await Promise.all([purpose === "lint" ? null : ensureAddons(state), ensureBuilt(state)]);
  linkPrograms(root);
}

async function ensureAddons(state) {
  const installation = installationKey();
  if (state.installation === installation) return;
  await installAddons(root);
  state.installation = installation;
  writeState(state);
}

async function ensureBuilt(state) {
  // Taken before the compiler reads the sources: what changes meanwhile is compiled next time.
  const sources = sourceFingerprint(root);
  if (state.sources === sources && isBuilt(root)) return;
  await build(root);
  state.sources = sources;
  writeState(state);
}

const { values } = parseArgs({ options: { for: { type: "string", default: "quickstart" } } });
const startedMs = performance.now();
try {
  if (!(values.for in needs))
    throw new SetupError(`--for=${values.for}: one of ${Object.keys(needs).join(", ")}`);
  await setUp(values.for);
  console.log(`set-up: everything is in place (${seconds(performance.now() - startedMs)})`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`set-up: ${error.message}`);
  process.exitCode = 1;
}
