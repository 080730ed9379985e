import { RuntimeError } from "../errors.js";
import { requireProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import { enterArguments } from "../sandbox/arguments.js";
import type { ProcessesTarget } from "./processes.js";

/** One view of the session's processes for all commands, mounted where only the keeper's namespace sees it. */
export async function mountProc(target: ProcessesTarget): Promise<void> {
  const mount = [requireProgram("mount"), "-t", "proc", "-o", "X-mount.mkdir", "proc", target.proc];
  const { code, stderr } = await run(requireProgram("nsenter"), [...enterArguments(target), "--", ...mount], {
    user: null,
  });
  if (code !== 0) throw new RuntimeError("sandbox_unavailable", `/proc could not be mounted: ${stderr}`);
}
