import { RuntimeError } from "../errors.js";
import { requireProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import { enterArguments } from "../sandbox/arguments.js";
import type { ProcessesTarget } from "./processes.js";

/**
 * One view of the session's processes for all commands, mounted where only the keeper's namespace sees it. Before, System V
 * shared memory is bounded: it stays when the process that made it is gone. Whichever `/proc` it is written to, it counts for the
 * namespace of who writes it. Kernels before 6.0 let nobody but root do that.
 */
const SCRIPT = `{ echo "$2" > /proc/sys/kernel/shmall; } 2>/dev/null || :; exec mount -t proc proc "$1"`;
const PAGE_BYTES = 4096;

export async function mountProc(target: ProcessesTarget, { tmpBytes }: { tmpBytes: number }): Promise<void> {
  const pages = String(Math.ceil(tmpBytes / PAGE_BYTES));
  const { code, stderr } = await run(
    requireProgram("nsenter"),
    [...enterArguments(target), "--", "/bin/sh", "-c", SCRIPT, "proc", target.proc, pages],
    { user: null },
  );
  if (code !== 0) throw new RuntimeError("sandbox_unavailable", `/proc could not be mounted: ${stderr}`);
}
