/** What the tests of disks share: a store in a temporary directory, and shell scripts that run on a mounted disk. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "node:test";
import type { DiskMount } from "../../src/api.js";
import { DiskSet } from "../../src/disk/disks.js";
import { provideProject } from "../../src/disk/project.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { createStore } from "../../src/snapshot/format-file.js";
import { Repository } from "../../src/snapshot/repository.js";
import { manifest } from "./manifest.js";

/** For what stands in another mount namespace. */
const manifestProgram = fileURLToPath(new URL("./manifest.js", import.meta.url));

/** Why overlay disks cannot be mounted here, or false. For the `skip` option of a test. */
export const noOverlay: string | false = (() => {
  const directory = temporaryDirectory();
  try {
    for (const name of ["lower", "upper", "work", "here"]) fs.mkdirSync(path.join(directory, name));
    const options = "userxattr,lowerdir=lower,upperdir=upper,workdir=work";
    const command = `cd "$1" && mount -t overlay overlay -o ${options} here`;
    const result = spawnSync("unshare", [
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      command,
      "sh",
      directory,
    ]);
    if (result.status === 0) return false;
    return `overlay mounts in a user namespace do not work here: ${String(result.stderr ?? result.error)}`;
  } finally {
    removeDirectory(directory);
  }
})();

export const noRsync: string | false =
  spawnSync("rsync", ["--version"]).status === 0 ? false : "rsync is not installed";

export const isRoot = process.getuid?.() === 0;

/** For tests of many operations that are not about power cuts. */
export const withoutSyncs: Files = { ...linuxFiles, sync: () => undefined, syncFilesystem: () => undefined };

export function temporaryDirectory(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "chaser-disk-"));
}

/** In memory where the machine has such a directory, for tests that do thousands of changes and mount nothing. */
export function temporaryDirectoryInMemory(): string {
  try {
    return fs.mkdtempSync("/dev/shm/chaser-disk-");
  } catch {
    return temporaryDirectory();
  }
}

/** Also what overlayfs has left with mode 000. */
export function removeDirectory(directory: string): void {
  spawnSync("chmod", ["-R", "u+rwX", directory]);
  fs.rmSync(directory, { recursive: true, force: true });
}

export interface Bench {
  root: string;
  repository: Repository;
  disks: DiskSet;
}

/** `layersMax`: how long a stack may grow; by default as long as in earnest. */
export function openBench(root: string, files: Files = linuxFiles, layersMax?: number): Bench {
  const repository = Repository.open(files, root);
  const disks = new DiskSet(repository, layersMax === undefined ? undefined : { layersMax });
  return { root, repository, disks };
}

/** A new store, removed when the test ends. */
export function newBench(t: TestContext, layersMax?: number, files: Files = linuxFiles): Bench {
  const parent = temporaryDirectory();
  const root = path.join(parent, "store");
  createStore(linuxFiles, root);
  const bench = openBench(root, files, layersMax);
  t.after(() => {
    bench.disks.close();
    bench.repository.close();
    removeDirectory(parent);
  });
  return bench;
}

/** Runs a shell script in the root of a mounted disk and returns what it printed; any failing command fails the test. */
export function runMounted(mount: DiskMount, script: string): string {
  let argv: string[];
  if (mount.driver === "directory") {
    argv = ["sh", "-euc", `cd "$1"\n${script}`, "sh", mount.path];
  } else {
    const here = temporaryDirectory();
    try {
      const options = `userxattr,lowerdir=${mount.lower.join(":")},upperdir=${mount.upper},workdir=${mount.work}`;
      const command = `cd "$1"; mount -t overlay overlay -o "$2" "$3"; cd "$3"\n${script}`;
      argv = ["unshare", "--user", "--map-root-user", "--mount"];
      argv.push("sh", "-euc", command, "sh", mount.layersDir, options, here);
      return run(argv);
    } finally {
      fs.rmdirSync(here);
    }
  }
  return run(argv);
}

function run(argv: string[]): string {
  const result = spawnSync(argv[0] as string, argv.slice(1), {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  assert.equal(result.status, 0, `${argv.join(" ")}\n${result.stdout}\n${result.stderr}`);
  return result.stdout;
}

function attached<Result>(bench: Bench, id: string, use: (mount: DiskMount) => Result): Result {
  const mount = bench.disks.attach(id);
  try {
    // As who watches an attached disk does, so that all that disks do is tried in projects where there are any.
    if (isRoot) provideProject(mount);
    return use(mount);
  } finally {
    bench.disks.detach(id);
  }
}

/** Attaches, runs a script on the mounted disk, and detaches. */
export function onDisk(bench: Bench, id: string, script: string): string {
  return attached(bench, id, (mount) => runMounted(mount, script));
}

/** What the mounted disk shows. */
export function manifestOf(bench: Bench, id: string): string {
  return attached(bench, id, (mount) =>
    mount.driver === "directory"
      ? `${manifest(mount.path).join("\n")}\n`
      : runMounted(mount, `"${process.execPath}" "${manifestProgram}"`),
  );
}

/** Copies what the mounted disk shows, by means of its own, to a new directory. */
export function copyOf(bench: Bench, t: TestContext, id: string): string {
  const directory = temporaryDirectory();
  t.after(() => removeDirectory(directory));
  onDisk(bench, id, `rsync -aHAX --modify-window=-1 ./ "${directory}/"`);
  return directory;
}

/** Fails when the mounted disk differs from a copy in anything that rsync knows of. */
export function assertLikeCopy(bench: Bench, id: string, copy: string): void {
  const differences = onDisk(
    bench,
    id,
    `rsync -aHAX --checksum --modify-window=-1 --dry-run --itemize-changes --delete "${copy}/" ./`,
  );
  assert.equal(differences, "");
}
