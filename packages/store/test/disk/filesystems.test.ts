/** What every driver must do, and that it shares what can be shared, on filesystems that the machine may not stand on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { isRoot, removeDirectory, temporaryDirectory } from "./mounted.js";

const programs = {
  suite: fileURLToPath(new URL("./suite.test.js", import.meta.url)),
  projectQuota: fileURLToPath(new URL("./project-quota.js", import.meta.url)),
  sharing: fileURLToPath(new URL("./sharing.js", import.meta.url)),
};
/** XFS makes no smaller one; the file is sparse. */
const imageBytes = 400 * 1024 * 1024;
const couldNotMount = 77;

/** Runs a test program that finds its temporary directory in `$1`, after `prepare`. Returns what `prepare` complained of. */
function runOn(directory: string, prepare: string, program: string): string | null {
  // The runner that this test runs in must not take the program for one of its files.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const script = `{ ${prepare}; } >&2 || exit ${couldNotMount}; TMPDIR="$1" exec "$2" "$3"`;
  const inNamespace = isRoot ? ["unshare", "--mount"] : [];
  const [command, ...args] = [...inNamespace, "sh", "-c", script, "sh", directory, process.execPath, program];
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env,
    maxBuffer: 1 << 28,
  });
  if (status === couldNotMount) return stderr.trim();
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return null;
}

interface Filesystem {
  /** As a skip names it. */
  type: string;
  make: string;
  options: string;
}

/** In a mount namespace of its own, so that nothing stays mounted whatever happens. */
function onLoop(t: TestContext, { type, make, options }: Filesystem, program: string): void {
  const parent = temporaryDirectory();
  t.after(() => removeDirectory(parent));
  const image = path.join(parent, "image");
  const mounted = path.join(parent, "mounted");
  fs.mkdirSync(mounted);
  fs.writeFileSync(image, "");
  fs.truncateSync(image, imageBytes);
  const complaint = runOn(mounted, `${make} -q "${image}" && mount -o ${options} "${image}" "$1"`, program);
  if (complaint !== null) t.skip(`needs a filesystem of type ${type}: ${complaint}`);
}

const skip = isRoot ? false : "needs root to mount a filesystem";

for (const type of ["btrfs", "xfs"]) {
  const filesystem = { type, make: `mkfs.${type}`, options: "loop" };
  void test(`the suite on ${type}`, { skip }, (t) => onLoop(t, filesystem, programs.suite));
  void test(`what a directory disk shares on ${type}`, { skip }, (t) =>
    onLoop(t, filesystem, programs.sharing),
  );
}

for (const { type, make } of [
  { type: "xfs", make: "mkfs.xfs" },
  { type: "ext4", make: "mkfs.ext4 -O quota,project -E quotatype=prjquota" },
]) {
  const filesystem = { type: `${type} with project quotas`, make, options: "loop,prjquota" };
  void test(`the suite on ${filesystem.type}`, { skip }, (t) => onLoop(t, filesystem, programs.suite));
  void test(`caps on ${filesystem.type}`, { skip }, (t) => onLoop(t, filesystem, programs.projectQuota));
}

void test("the suite on tmpfs", (t) => {
  const memory = "/dev/shm";
  if (!fs.existsSync(memory)) return t.skip(`needs a tmpfs filesystem at ${memory}`);
  const directory = fs.mkdtempSync(`${memory}/chaser-disk-`);
  t.after(() => removeDirectory(directory));
  assert.equal(runOn(directory, "true", programs.suite), null);
});
