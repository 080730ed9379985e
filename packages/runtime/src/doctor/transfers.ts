import type { Capability } from "./capability.js";
import { missingProgram } from "./programs.js";

/** Whether what sandboxes run of the host's to fetch repositories and to pass directories on is there. */
export function probeTransfers(): Capability {
  const base = { name: "repositories and directories", required: false };
  const missing = missingProgram(["git", "tar"]);
  if (missing !== null) return { ...base, ok: false, ...missing };
  return { ...base, ok: true, detail: "git is there for imports, tar for directories that go in and out" };
}
