/** Runs what a session would run as an ordinary child: what these programs make of a tree does not depend on the sandbox around them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Execution } from "../../src/index.js";
import type { Exec } from "../../src/files/read.js";

/** `change`: what becomes of a script before it runs. */
export function plainExec(change: (script: string) => string = (script) => script): Exec {
  return ({ command }) => {
    if (typeof command === "string") throw new Error("only lists are run");
    const [program = "", option = "", script = "", ...args] = command;
    const child = spawn(program, [option, change(script), ...args], { detached: true });
    const { pid, stdin, stdout, stderr } = child;
    stdin.on("error", () => undefined);
    const ended = once(child, "exit").then(([code]) => code as number | null);
    const execution: Execution = {
      id: String(pid),
      stdin,
      stdout,
      stderr,
      startedAtMs: Date.now(),
      maxOutputBytes: undefined,
      kill(signal = "SIGTERM") {
        if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        process.kill(-pid, signal);
      },
      completed: ended.then((code) => ({
        exitCode: code ?? 137,
        signal: null,
        timedOut: false,
        durationMs: 0,
        limitsHit: [],
      })),
    };
    return Promise.resolve(execution);
  };
}

/** A script with something in it that happens between two of its steps. */
export function replaced(script: string, piece: string, instead: string): string {
  assert.equal(script.split(piece).length, 2, `${piece} stands in the script once`);
  return script.replace(piece, () => instead);
}
