// The ordinary user that root runs the tests as a second time, and a copy of the built tree that this user can read.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";

const userName = "chaser-test";

function lookUp() {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${userName}:`));
  if (line === undefined) return null;
  const [name, , uid, gid, , home, shell] = line.split(":");
  return { name, uid: Number(uid), gid: Number(gid), home, shell };
}

/** The user, made when missing and kept for the next run. */
export function ordinaryUser() {
  const present = lookUp();
  if (present !== null) return present;
  const made = spawnSync("useradd", ["--create-home", "--shell", "/bin/sh", userName], { encoding: "utf8" });
  const user = lookUp();
  if (user === null)
    throw new Error(`cannot make the user ${userName}: ${made.error?.message ?? made.stderr.trim()}`);
  return user;
}

/** Top folders of packages in node_modules that only development needs. */
function developmentPackages(root) {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return new Set(
    Object.entries(packages)
      .filter(([, entry]) => entry.dev === true)
      .map(([path]) => path),
  );
}

function copy(from, to, keep) {
  cpSync(from, to, { recursive: true, filter: keep, verbatimSymlinks: true });
}

/** Lets everybody read, whatever umask the clone was made with. */
function makeReadable(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeReadable(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

/** Whether the user can start this node: it may lie in root's own home directory. */
function canStart(user, program) {
  const options = { uid: user.uid, gid: user.gid, cwd: "/" };
  return spawnSync(program, ["--version"], options).status === 0;
}

/**
 * What the tests need, copied to the user's home: the clone itself may lie where only root can go. The copy belongs to
 * root, so that a test which writes into the program's own files fails.
 */
export function copyTree(root, user, folders) {
  const parent = existsSync(user.home) ? user.home : "/tmp";
  const tree = mkdtempSync(join(parent, "chaser-tree-"));
  const unneeded = developmentPackages(root);
  // Sources of addons are large, and only their binaries are loaded.
  for (const folder of [
    "node_modules/better-sqlite3/deps",
    "node_modules/zstd-napi/deps",
    "node_modules/.cache",
  ]) {
    unneeded.add(folder);
  }
  const keep = (path) => !unneeded.has(relative(root, path));
  for (const name of ["package.json", "node_modules", "fixtures"]) {
    if (existsSync(join(root, name))) copy(join(root, name), join(tree, name), keep);
  }
  const notSources = (path) => !path.includes("/node_modules/.") && basename(path) !== ".tsbuildinfo";
  for (const folder of folders) copy(join(root, folder), join(tree, folder), notSources);
  copy(join(root, "scripts/test"), join(tree, "scripts/test"));
  makeReadable(tree);

  let node = process.execPath;
  if (!canStart(user, node)) {
    node = join(tree, "bin/node");
    mkdirSync(dirname(node));
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o755);
  }
  return { tree, node, remove: () => rmSync(tree, { recursive: true, force: true }) };
}

/** Process ids of the user, with their command lines. */
export function processesOf(user) {
  const found = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (Number(/^Uid:\t(\d+)/m.exec(status)?.[1]) !== user.uid) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      found.push({ pid: Number(pid), command: command || /^Name:\t(.*)$/m.exec(status)?.[1] });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
