// Runs every test as the present user and, when that is root, those of the packages a second time as an ordinary user that
// may depend on it: disks and sandboxes work differently with and without privilege, and both must hold.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compiledTests, repositoryTests } from "./test/files.mjs";
import { copyTree, ordinaryUser, processesOf } from "./test/ordinary-user.mjs";
import { seconds } from "./setup/run.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const privilegeDependent = ["packages/store", "packages/runtime", "packages/server", "packages/cli"];
/**
 * Where it makes no difference who runs them: formats, simulated disks, disks that are mounted in a namespace of their own in any case, large
 * trees, the words of commands and routes. What sandboxes, killed servers and images do is tested as both in the runtime's own tests, and the
 * server as a whole in `abuse`, in what the command line does with it (`serve`), and in the routes that move files between users.
 */
const sameForEverybody = new RegExp(
  `^packages/(${[
    "store/dist/test/(chunk|maintenance|pack|processes|simulation|tree|verification)/",
    "store/dist/test/(decoders|golden-store|disk/(changes|compact|crash|filesystems|layer-regions|model)|engine/store-cap|snapshot/many|snapshot/restore-threads)[.]",
    "server/dist/test/(auth|billing|db|schemas|workspaces)/",
    "server/dist/test/(crash|story|sessions/kept-output)[.]",
    "server/dist/test/routes/(?!files)",
    "cli/dist/test/(client|output)/",
    "cli/dist/test/main[.]",
    "cli/dist/test/commands/(cp|completion|exec|forward|store)",
  ].join("|")})`,
);

/** Words on the command line narrow the run to the files whose path contains one of them. */
const wanted = process.argv.slice(2);
const isWanted = (file) => wanted.length === 0 || wanted.some((word) => file.includes(word));

function runTests(node, files, options) {
  return new Promise((resolve, reject) => {
    const runner = join(options.cwd, "scripts/test/run-files.mjs");
    const child = spawn(node, [runner, ...files], { stdio: ["ignore", "inherit", "inherit"], ...options });
    child.on("error", reject);
    child.on("close", (code) => resolve(code === 0));
  });
}

async function asPresentUser() {
  const files = [...repositoryTests(root), ...compiledTests(root, [...privilegeDependent, "bench"])].filter(
    isWanted,
  );
  if (files.length === 0) {
    console.error("no test file matches");
    return false;
  }
  console.log(`\n${files.length} test files as the present user\n`);
  return runTests(process.execPath, files, { cwd: root });
}

/** True when nothing of the user's is left running; a moment is granted to what is just ending. */
async function nothingLeftRunning(user, before) {
  const known = new Set(before.map(({ pid }) => pid));
  const left = () => processesOf(user).filter(({ pid }) => !known.has(pid));
  for (let round = 0; round < 50 && left().length > 0; round += 1) await sleep(100);
  for (const { pid, command } of left()) console.error(`left running by the tests: ${pid} ${command}`);
  return left().length === 0;
}

async function asOrdinaryUser() {
  const files = compiledTests(root, privilegeDependent).filter(
    (file) => isWanted(file) && !sameForEverybody.test(file),
  );
  if (files.length === 0) return true;
  const user = ordinaryUser();
  const startedMs = performance.now();
  const copy = copyTree(root, user, privilegeDependent);
  console.log(
    `\n${files.length} test files as ${user.name} (tree copied in ${seconds(performance.now() - startedMs)})\n`,
  );
  const before = processesOf(user);
  try {
    const env = {
      PATH: `${dirname(copy.node)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: user.home,
      USER: user.name,
      LOGNAME: user.name,
      SHELL: user.shell,
      LANG: process.env.LANG ?? "C.UTF-8",
    };
    if (process.env.CI !== undefined) env.CI = process.env.CI;
    const passed = await runTests(copy.node, files, { cwd: copy.tree, uid: user.uid, gid: user.gid, env });
    return (await nothingLeftRunning(user, before)) && passed;
  } finally {
    copy.remove();
  }
}

const outcomes = [await asPresentUser()];
if (process.getuid() === 0) outcomes.push(await asOrdinaryUser());
const passed = outcomes.every(Boolean);
console.log(passed ? "\nall tests passed" : "\nthere were failures; they are listed above");
process.exitCode = passed ? 0 : 1;
