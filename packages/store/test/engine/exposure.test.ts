import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exposureCommand, planExposure } from "../../src/engine/exposure.js";

const closed =
  (...directories: string[]) =>
  (directory: string): boolean =>
    !directories.includes(directory);

test("nothing is covered where every user may go", () => {
  assert.deepEqual(
    planExposure(["/opt/chaser/child.js"], () => true),
    { covers: [], shown: [] },
  );
});

test("below a closed directory, only the program's own directory is shown", () => {
  const plan = planExposure(["/closed/chaser/packages/store/child.js", "/usr/bin/node"], closed("/closed"));
  assert.deepEqual(plan, { covers: ["/closed"], shown: ["/closed/chaser"] });
});

test("program and node below one closed directory are both shown", () => {
  const plan = planExposure(["/closed/chaser/child.js", "/closed/.nvm/v20/bin/node"], closed("/closed"));
  assert.deepEqual(plan, { covers: ["/closed"], shown: ["/closed/chaser", "/closed/.nvm"] });
});

test("of nested closed directories the topmost is covered, and what is below the lowest is shown", () => {
  const plan = planExposure(["/closed/a/b/c/child.js"], closed("/closed", "/closed/a/b"));
  assert.deepEqual(plan, { covers: ["/closed"], shown: ["/closed/a/b/c"] });
});

test("paths go to the script as arguments, never into its text", () => {
  const nasty = "/closed/$(reboot) 'x'";
  const command = exposureCommand({ covers: ["/closed"], shown: [nasty] }, { uid: 5, gid: 6 }, ["id", "-u"]);
  const script = command[command.indexOf("-c") + 1] as string;
  assert.ok(!script.includes("reboot"));
  assert.deepEqual(command.slice(-4), ["/closed", nasty, "id", "-u"]);
});

const notRoot = process.getuid?.() === 0 ? false : "needs root";

test(
  "an engine of another user starts from below a directory that is closed to it",
  { skip: notRoot },
  () => {
    const repository = fileURLToPath(new URL("../../../../../", import.meta.url));
    const base = mkdtempSync(join(tmpdir(), "chaser-exposure-"));
    try {
      chmodSync(base, 0o755);
      const program = join(base, "closed/program");
      const store = join(base, "store");
      mkdirSync(program, { recursive: true });
      mkdirSync(store);
      chmodSync(join(base, "closed"), 0o700);
      chownSync(store, 200001, 200001);
      const code = `
      import { openStore } from ${JSON.stringify(`${program}/packages/store/dist/src/index.js`)};
      const store = await openStore(${JSON.stringify(store)}, { create: true, host: { kind: "process", uid: 200001 } });
      console.log((await store.snapshots()).length);
      await store.close();
    `;
      const script = 'mount --bind "$1" "$2" && exec "$3" --input-type=module -e "$4"';
      const args = [
        ...["--mount", "--propagation", "private", "--", "/bin/sh", "-c", script, "sh"],
        ...[repository, program, process.execPath, code],
      ];
      assert.equal(execFileSync("unshare", args, { encoding: "utf8" }), "0\n");
      assert.equal(statSync(join(store, "format.json")).uid, 200001);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  },
);
