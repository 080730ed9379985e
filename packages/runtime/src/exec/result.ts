import { constants } from "node:os";
import type { ExecResult } from "../api.js";
import { RuntimeError } from "../errors.js";
import type { LimitName } from "../limits.js";
import { signalName } from "../platform/children.js";
import type { SandboxStatus } from "../sandbox/status.js";

export const EXIT_TIMED_OUT = 124;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;
const EXIT_SIGNAL_BASE = 128;

export function signalOfExitCode(exitCode: number): NodeJS.Signals | null {
  return exitCode > EXIT_SIGNAL_BASE ? signalName(exitCode - EXIT_SIGNAL_BASE) : null;
}

export interface Ending {
  /** Of the process that set the sandbox up and waited for the command. */
  code: number | null;
  signal: NodeJS.Signals | null;
  status: SandboxStatus;
  /** The first bytes of standard error; those of the set-up, when the command was never started. */
  stderrHead: string;
  timedOut: boolean;
  /** Someone asked for the command's end before it had begun. */
  killed: NodeJS.Signals | null;
  sessionAlive: boolean;
  durationMs: number;
  /** What the session ran into meanwhile. */
  sessionLimitsHit: readonly LimitName[];
}

function resultOf(exitCode: number, ending: Ending): ExecResult {
  const { durationMs, timedOut } = ending;
  const limitsHit = [...ending.sessionLimitsHit];
  if (timedOut) {
    limitsHit.push("time");
    return { exitCode: EXIT_TIMED_OUT, signal: "SIGKILL", timedOut, durationMs, limitsHit };
  }
  const signal = signalOfExitCode(exitCode);
  if (signal === "SIGXFSZ") limitsHit.push("file_size");
  return { exitCode, signal, timedOut, durationMs, limitsHit };
}

function signalExit(signal: NodeJS.Signals): number {
  return EXIT_SIGNAL_BASE + constants.signals[signal];
}

const MISSING = new Set(["No such file or directory", "Not a directory"]);

/**
 * Which of the last two steps of a set-up failed, in bwrap's own words, in the C locale: it exits 1 in all cases. The path is the
 * caller's, and may hold anything, lines that look like these included: the step is what comes first, the reason what comes last.
 */
function refusalOf(text: string): { step: string; path: string; reason: string } | null {
  const match = /^bwrap: (execvp|Can't chdir to) (.*): ([^:\n]+)\n?$/s.exec(text);
  if (match === null) return null;
  const [, step = "", path = "", reason = ""] = match;
  return { step, path, reason };
}

/** Tells the command's own ending from a set-up that failed. Throws `RuntimeError` for the latter. */
export function interpretEnding(ending: Ending): ExecResult {
  if (ending.status.exitCode !== null) return resultOf(ending.status.exitCode, ending);
  if (ending.signal !== null) return resultOf(signalExit(ending.signal), ending);
  if (ending.timedOut) return resultOf(EXIT_TIMED_OUT, ending);
  if (ending.killed !== null) return resultOf(signalExit(ending.killed), ending);
  const text = ending.stderrHead;
  const refused = refusalOf(text);
  if (refused?.step === "execvp")
    return resultOf(MISSING.has(refused.reason) ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, ending);
  if (!ending.sessionAlive)
    throw new RuntimeError("session_ended", "the session ended before the command ran");
  if (refused !== null) {
    throw new RuntimeError(
      "working_directory_not_found",
      `working directory ${JSON.stringify(refused.path)}: ${refused.reason.toLowerCase()}`,
    );
  }
  throw new RuntimeError("sandbox_unavailable", `the command could not be started: ${text.trim()}`, {
    code: ending.code,
    stderr: text,
  });
}
