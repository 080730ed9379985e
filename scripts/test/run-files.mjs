// Runs test files with node's runner as whoever starts this, from the folder it is started in:
//
//     node run-files.mjs FILE...
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { skipIsAllowed } from "./allowed-skips.mjs";

/** The machine may be slow and its disk slower; this only ends what hangs. Covers one file with all its tests. */
const fileTimeoutMs = 600_000;
/** Tests start servers, sandboxes and worker threads of their own: a third file at once made each slower and the whole no faster. */
const filesAtOnce = 2;

const files = process.argv.slice(2);
const skips = [];
let passed = 0;
let failed = false;

const events = run({ files, concurrency: filesAtOnce, timeout: fileTimeoutMs });
events.on("test:pass", (test) => {
  if (test.skip === undefined) passed += 1;
  else skips.push(test);
});
events.on("test:fail", (test) => {
  if (test.todo === undefined || test.todo === false) failed = true;
});
events.compose(new spec()).pipe(process.stdout);
events.on("end", () => {
  const unexpected = skips.filter((test) => !skipIsAllowed(test.skip));
  if (process.env.CI === "true" && unexpected.length > 0) {
    failed = true;
    for (const test of unexpected) {
      console.error(
        `skipped for a reason that is not in allowed-skips.mjs: ${test.file}: ${test.name}: ${test.skip}`,
      );
    }
  }
  if (files.length > 0 && passed === 0) {
    failed = true;
    console.error("no test ran");
  }
  if (failed) process.exitCode = 1;
});
