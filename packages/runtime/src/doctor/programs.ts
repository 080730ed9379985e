import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram, packageOf } from "../platform/programs.js";
import type { Capability } from "./capability.js";

/** The first with `--json-status-fd`, `--pidns` and the fix for CVE-2020-5291. */
export const BUBBLEWRAP_VERSION_MIN = "0.5.0";

export function atLeast(version: string, minimum: string): boolean {
  const parts = (text: string): number[] => text.split(".").map(Number);
  const [have, need] = [parts(version), parts(minimum)];
  for (let index = 0; index < need.length; index++) {
    const difference = (have[index] ?? 0) - (need[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

export async function probeBubblewrap(): Promise<Capability> {
  const base = { name: "bubblewrap", required: true };
  const bwrap = findProgram("bwrap");
  if (bwrap === null) {
    return {
      ...base,
      ok: false,
      detail: "program bwrap is not installed",
      remedy: "sudo apt install bubblewrap",
    };
  }
  const { stdout } = await promisify(execFile)(bwrap, ["--version"]);
  const version = /(\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? "0";
  const ok = atLeast(version, BUBBLEWRAP_VERSION_MIN);
  return {
    ...base,
    ok,
    detail: `${bwrap}, version ${version}`,
    ...(ok ? {} : { remedy: `version ${BUBBLEWRAP_VERSION_MIN} or later is needed` }),
  };
}

/** For a capability that fails because a program is missing; null when all are there. */
export function missingProgram(names: readonly string[]): { detail: string; remedy: string } | null {
  const name = names.find((candidate) => findProgram(candidate) === null);
  if (name === undefined) return null;
  return { detail: `program ${name} is not installed`, remedy: `sudo apt install ${packageOf(name)}` };
}
