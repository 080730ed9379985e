import { closeSync } from "node:fs";
import type { HostUser } from "../sandbox/spec.js";
import type { StartedProcess } from "./children.js";
import { memoryFileOf } from "./memory-file.js";
import { collectText } from "./spawn.js";
import { openNull, openOutput, start, untilClosed } from "./start.js";

export interface HelperResult {
  code: number | null;
  stderr: string;
}

/** Runs a short helper program to its end. Rejects when it cannot be started. */
export async function run(
  file: string,
  args: readonly string[],
  { user, input = "", timeoutMs = 10_000 }: { user: HostUser | null; input?: string; timeoutMs?: number },
): Promise<HelperResult> {
  const { writeEnd, stream } = openOutput();
  const [given, ignored] = [memoryFileOf("input", Buffer.from(input)), openNull()];
  const closed = untilClosed(stream);
  const stderr = collectText(stream);
  let child: StartedProcess;
  try {
    child = start(file, args, { user, stdio: [given, ignored, writeEnd] });
  } finally {
    for (const fd of [given, ignored, writeEnd]) closeSync(fd);
  }
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
  }, timeoutMs);
  const { code } = await child.ended;
  clearTimeout(timer);
  await closed;
  return { code, stderr: stderr() };
}
