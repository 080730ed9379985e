import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatTable } from "../../output/table.js";

interface Check {
  name: string;
  ok: boolean;
  detail: string;
  remedy?: string;
}

/** Exit code 1 when something is missing, so that a script can ask before it starts a server. */
export async function run(context: Context): Promise<number> {
  const checks = await machineChecks();
  const ok = checks.every((check) => check.ok);
  context.show({ ok, checks }, () => describe(checks));
  return ok ? exitCode.ok : exitCode.failure;
}

/** A doctor that falls ill with the patient helps nobody: if the server's code does not load, that is a finding. */
async function machineChecks(): Promise<Check[]> {
  try {
    const { probe } = await import("@chaser/server");
    return await probe();
  } catch (error) {
    return [
      {
        name: "packages",
        ok: false,
        detail: (error as Error).message,
        remedy: "install them again: npm run setup",
      },
    ];
  }
}

function describe(checks: Check[]): string {
  const table = formatTable(
    [
      { title: "CHECK", value: (check) => check.name },
      { title: "", value: (check) => (check.ok ? "ok" : "no") },
      { title: "DETAIL", value: (check) => check.detail },
    ],
    checks,
  );
  const remedies = checks.filter((check) => !check.ok && check.remedy !== undefined);
  if (remedies.length === 0) return table;
  const lines = remedies.map((check) => `  ${printable(check.name)}: ${printable(check.remedy ?? "")}\n`);
  return `${table}\nTo fix:\n${lines.join("")}`;
}
