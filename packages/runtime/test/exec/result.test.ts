import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RuntimeError } from "../../src/errors.js";
import { interpretEnding, signalOfExitCode, type Ending } from "../../src/exec/result.js";

const ending: Ending = {
  code: 1,
  signal: null,
  status: { childPid: 5, exitCode: null },
  stderrHead: "",
  timedOut: false,
  killed: null,
  sessionAlive: true,
  sessionLimitsHit: [],
  durationMs: 7,
};
const ended = (exitCode: number): Ending => ({ ...ending, status: { childPid: 5, exitCode } });

describe("interpretEnding", () => {
  it("passes on the command's own code, whatever it printed", () => {
    const result = interpretEnding({
      ...ended(1),
      stderrHead: "bwrap: execvp x: No such file or directory\n",
    });
    assert.deepEqual(result, { exitCode: 1, signal: null, timedOut: false, durationMs: 7, limitsHit: [] });
  });

  it("reads a program that could not be run from the set-up's message", () => {
    const code = (stderrHead: string): number => interpretEnding({ ...ending, stderrHead }).exitCode;
    assert.equal(code("bwrap: execvp x: No such file or directory\n"), 127);
    assert.equal(code("bwrap: execvp a: b: No such file or directory\n"), 127);
    assert.equal(code("bwrap: execvp /etc/passwd/x: Not a directory\n"), 127);
    assert.equal(code("bwrap: execvp /etc/passwd: Permission denied\n"), 126);
    assert.equal(code("bwrap: execvp ./x: Exec format error\n"), 126);
  });

  it("is not misled by what a path holds", () => {
    const missing = ": No such file or directory\n";
    const endsWith = (stderrHead: string): unknown => {
      try {
        return interpretEnding({ ...ending, stderrHead }).exitCode;
      } catch (error) {
        return (error as RuntimeError).code;
      }
    };
    assert.equal(endsWith(`bwrap: execvp /no\nsuch${missing}`), 127);
    assert.equal(endsWith(`bwrap: execvp /a\nbwrap: Can't chdir to /b${missing}`), 127);
    assert.equal(endsWith(`bwrap: Can't chdir to /no\nsuch${missing}`), "working_directory_not_found");
    assert.equal(
      endsWith(`bwrap: Can't chdir to /a\nbwrap: execvp b${missing}`),
      "working_directory_not_found",
    );
  });

  it("tells a missing directory, a session that went, and a broken sandbox apart", () => {
    const stderrHead = "bwrap: Can't chdir to /x: No such file or directory\n";
    assert.throws(() => interpretEnding({ ...ending, stderrHead }), { code: "working_directory_not_found" });
    assert.throws(() => interpretEnding({ ...ending, sessionAlive: false }), { code: "session_ended" });
    assert.throws(() => interpretEnding({ ...ending, stderrHead: "bwrap: No permissions" }), {
      code: "sandbox_unavailable",
    });
  });

  it("puts a timeout before the signal that carried it out", () => {
    const result = interpretEnding({ ...ended(137), timedOut: true });
    assert.deepEqual([result.exitCode, result.timedOut], [124, true]);
    assert.equal(interpretEnding({ ...ending, timedOut: true }).exitCode, 124);
  });

  it("reports a kill that came before the command", () => {
    const result = interpretEnding({ ...ending, killed: "SIGTERM" });
    assert.deepEqual([result.exitCode, result.signal], [143, "SIGTERM"]);
  });
});

describe("signalOfExitCode", () => {
  it("names signals from 129 on", () => {
    assert.equal(signalOfExitCode(128), null);
    assert.equal(signalOfExitCode(129), "SIGHUP");
    assert.equal(signalOfExitCode(143), "SIGTERM");
    assert.equal(signalOfExitCode(255), null);
    assert.equal(signalOfExitCode(0), null);
  });
});
