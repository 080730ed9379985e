// Runs the tests of power cuts, deaths, faults and damage, simulated and with real processes, and of random work on disks,
// many times as deep as `npm test` does, and the largest directory; and takes away each of the things that keep attacks out
// of a sandbox, of which `npm test` tries two:
//
//     npm run test:deep [N]        N times the outcomes, 10 when not given; CHASER_TEST_SEED=S repeats a run
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compiledTests } from "./test/files.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const depth = Number(process.argv[2] ?? process.env.CHASER_DEEP ?? 10);
if (!Number.isInteger(depth) || depth < 1) {
  console.error(`how deep must be a whole number from 1, not ${process.argv[2] ?? process.env.CHASER_DEEP}`);
  process.exit(2);
}

const files = compiledTests(root, ["packages/store", "packages/runtime", "packages/server"]).filter((file) =>
  /\/(simulation|processes|verification)\/|\/(damage|decoders|mitigations|crash|disk\/(changes|model)|snapshot\/many)\.test\.js$/.test(
    file,
  ),
);
const started = spawnSync(process.execPath, ["--test", "--test-concurrency=2", ...files], {
  cwd: root,
  env: { ...process.env, CHASER_DEEP: String(depth) },
  stdio: "inherit",
});
process.exitCode = started.status ?? 1;
