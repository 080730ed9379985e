import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RuntimeError } from "../../src/index.js";
import { programsFor, sandboxPath } from "../../src/files/path.js";
import { PATH_BYTES_MAX } from "../../src/limits.js";

describe("a path in a session", () => {
  it("is absolute, from /workspace on, and never looks like an option", () => {
    const paths = {
      a: "/workspace/a",
      "-rf": "/workspace/-rf",
      "../etc/./x": "/etc/x",
      "/../..": "/",
      "a//b/": "/workspace/a/b",
    };
    for (const [path, absolute] of Object.entries(paths)) assert.equal(sandboxPath(path), absolute);
  });

  it("is refused where no kernel would take it", () => {
    for (const path of ["", "a\0b", "é".repeat(PATH_BYTES_MAX / 2 + 1)])
      assert.throws(
        () => sandboxPath(path),
        (error) =>
          error instanceof RuntimeError && error.code === "invalid_argument" && error.message.length < 1000,
      );
    assert.ok(sandboxPath("a".repeat(PATH_BYTES_MAX)));
  });

  it("is for the host's programs only below what is the same under any root", () => {
    for (const path of ["/workspace", "/workspace/a", "/home/chaser/a", "/tmp"])
      assert.deepEqual(programsFor(path), { root: "host" });
    for (const path of ["/", "/etc/passwd", "/workspace2", "/home/chaserx"])
      assert.deepEqual(programsFor(path), {});
  });
});
