import type { Problem } from "@chaser/store";
import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { jsonPath, printablePath } from "../../output/printable.js";
import { plural } from "../../output/units.js";

/** More than these would push the result off the screen; `--json` lists all. */
const shownMax = 20;

/** What an ordinary user cannot have: said, but no reason to call the restore a failure. */
const expected = new Set(["owner_not_restored", "mode_not_restored"]);

export function problemsJson(problems: Problem[]): object[] {
  return problems.map(({ path, code, message }) => ({ ...jsonPath(path), code, message }));
}

/** Says on stderr what was not done as asked, and gives the exit code that follows from it. */
export function reportProblems(context: Context, problems: Problem[]): number {
  if (!context.json) {
    for (const { path, message } of problems.slice(0, shownMax))
      context.note(`warning: ${path.length === 0 ? "." : printablePath(path)}: ${message}`);
    const hidden = problems.length - shownMax;
    if (hidden > 0) context.note(`warning: and ${plural(hidden, "more", "more")} (--json lists all)`);
  }
  return problems.every(({ code }) => expected.has(code)) ? exitCode.ok : exitCode.failure;
}
