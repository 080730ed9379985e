import { distribution, measure, measureProcess } from "../measure.js";
import type { Mark } from "./mark.js";
import { execIn, type BenchServer } from "./server.js";

export interface ExecOptions {
  warmRuns: number;
  coldRuns: number;
}

/** The same isolation as a session's, by hand: what a command in a sandbox costs at least. */
const bareSandbox = [
  ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"],
  ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
  ["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
  ["--", "/bin/sh", "-c", "true"],
].flat();

/** What running a command costs over HTTP: in a session that is there, and in one that must be started first. */
export async function markExec(server: BenchServer, options: ExecOptions): Promise<Mark[]> {
  const workspace = "exec-marks";
  await server.call("POST", "/v1/workspaces", { session_type: "sandbox", name: workspace });
  let session = (await execIn(server, workspace, "true")).session_id;

  const bareMs: number[] = [];
  const warmMs: number[] = [];
  for (let run = 0; run < options.warmRuns; run += 1) {
    // In turn, so that both meet the same noise.
    bareMs.push((await measureProcess("bwrap", bareSandbox)).durationMs);
    warmMs.push(await measure(() => execIn(server, workspace, "true")));
  }

  const coldMs: number[] = [];
  for (let run = 0; run < options.coldRuns; run += 1) {
    await server.call("DELETE", `/v1/sessions/${session}`);
    const durationMs = await measure(async () => {
      session = (await execIn(server, workspace, "true")).session_id;
    });
    coldMs.push(durationMs);
  }
  await server.call("DELETE", `/v1/workspaces/${workspace}?force=true`);
  return [
    { name: "bwrap by hand, no server", measured: distribution(bareMs), goalMs: null },
    { name: "exec in a warm session, over HTTP", measured: distribution(warmMs), goalMs: 25 },
    { name: "exec with a cold session, over HTTP", measured: distribution(coldMs), goalMs: 150 },
  ];
}
