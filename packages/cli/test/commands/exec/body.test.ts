import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { execBody, type ExecOptions } from "../../../src/commands/exec/body.js";
import { CliError } from "../../../src/errors.js";

function body(options: Partial<ExecOptions>, workspace?: string, defaultWorkspace?: string): object {
  return execBody(
    { stdin: true, command: ["ls"], ...options },
    { workspace, defaultWorkspace, env: { TERM: "xterm" } },
  );
}

describe("execBody", () => {
  it("sends one word as a line for the shell and several as they are", () => {
    assert.deepEqual(body({ command: ["ls | wc"] }, "w"), { workspace: "w", command: "ls | wc" });
    assert.deepEqual(body({ command: ["echo", "a  b", "$HOME"] }, "w"), {
      workspace: "w",
      command: ["echo", "a  b", "$HOME"],
    });
  });

  it("uses the default workspace when none is named, but never for an ephemeral run", () => {
    assert.deepEqual(body({}, undefined, "d"), { workspace: "d", command: "ls" });
    assert.deepEqual(body({}, "w", "d"), { workspace: "w", command: "ls" });
    assert.deepEqual(body({ ephemeral: true }, undefined, "d"), { ephemeral: true, command: "ls" });
    assert.deepEqual(body({}), { command: "ls" });
  });

  it("reads variables, with = in the value, and passes on named ones", () => {
    assert.deepEqual(body({ root: true }, "w"), { workspace: "w", command: "ls", user: "root" });
    assert.deepEqual(body({ env: ["A=1=2", "B=", "TERM"], timeout: 1500, cwd: "/" }, "w"), {
      workspace: "w",
      command: "ls",
      cwd: "/",
      env: { A: "1=2", B: "", TERM: "xterm" },
      timeout_ms: 1500,
    });
  });

  it("refuses what makes no sense as wrong usage", () => {
    const isUsage = (error: unknown): boolean => error instanceof CliError && error.exitCode === 2;
    assert.throws(() => body({ command: [] }, "w"), isUsage);
    assert.throws(() => body({ ephemeral: true }, "w"), isUsage);
    for (const workspace of ["w", undefined]) assert.throws(() => body({ image: "i" }, workspace), isUsage);
    assert.throws(() => body({ env: ["=x"] }, "w"), isUsage);
    assert.throws(() => body({ env: ["NOT_SET_HERE"] }, "w"), isUsage);
  });
});
