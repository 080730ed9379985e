/** What `bwrap --json-status-fd` says: one JSON document a line, the last perhaps still being written. */
export interface SandboxStatus {
  /** The command's process id on the host, once it exists. */
  childPid: number | null;
  /** Present only when the command was really started, and has ended. */
  exitCode: number | null;
}

export function parseStatus(text: string): SandboxStatus {
  const status: SandboxStatus = { childPid: null, exitCode: null };
  for (const line of text.split("\n")) {
    if (!line.trimEnd().endsWith("}")) continue;
    const document = JSON.parse(line) as { "child-pid"?: number; "exit-code"?: number };
    if (document["child-pid"] !== undefined) status.childPid = document["child-pid"];
    if (document["exit-code"] !== undefined) status.exitCode = document["exit-code"];
  }
  return status;
}
