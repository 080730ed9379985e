import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./no-descriptors.js", import.meta.url));

it("sessions are watched by a process that has no descriptor left, and it lives", () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-watches-"));
  try {
    const limited = ["-c", 'ulimit -n 128 && exec "$@"', "sh", process.execPath, script, directory];
    const said = execFileSync("/bin/sh", limited, { encoding: "utf8" });
    assert.match(said, /^lived without any of \d+ descriptors$/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
