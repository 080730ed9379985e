import { ratio } from "../goals.js";
import { distribution, measure, measureProcess } from "../measure.js";
import type { Marks } from "./mark.js";
import { execIn, type BenchServer } from "./server.js";

export interface ExecOptions {
  warmRuns: number;
  coldRuns: number;
}

export const execsAtOnce = 8;

/** The same isolation as a session's, by hand: what a command in a sandbox costs at least. */
const bareSandbox = [
  ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"],
  ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"],
  ["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
  ["--", "/bin/sh", "-c", "true"],
].flat();

const warmLimit = "a program more than by hand, nsenter, which becomes bwrap, and more mounts; the request";

/** Runs all of some work, so many at a time. */
export async function inFlight(
  total: number,
  atOnce: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, total) }, worker));
}

/** What running a command costs over HTTP: in a session that is there, and in one that must be started first. */
export async function markExec(server: BenchServer, options: ExecOptions): Promise<Marks> {
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
  const crowdedMs: number[] = [];
  await inFlight(execsAtOnce * options.warmRuns, execsAtOnce, async () => {
    crowdedMs.push(await measure(() => execIn(server, workspace, "true")));
  });

  const coldMs: number[] = [];
  for (let run = 0; run < options.coldRuns; run += 1) {
    await server.call("DELETE", `/v1/sessions/${session}`);
    const durationMs = await measure(async () => {
      session = (await execIn(server, workspace, "true")).session_id;
    });
    coldMs.push(durationMs);
  }
  await server.call("DELETE", `/v1/workspaces/${workspace}?force=true`);
  const crowded = distribution(crowdedMs);
  return {
    marks: [
      { name: "bwrap by hand, no server", measured: distribution(bareMs), goalMs: null },
      {
        name: "exec in a warm session, over HTTP",
        measured: distribution(warmMs),
        goalMs: 25,
        limitedBy: warmLimit,
      },
      { name: `the same, ${execsAtOnce} in flight`, measured: crowded, goalMs: null },
      {
        name: "exec with a cold session, over HTTP",
        measured: distribution(coldMs),
        goalMs: 150,
        limitedBy: "the start of a session, and the command's own",
      },
    ],
    goals: [
      {
        name: "exec in a warm session, over HTTP",
        limit: "1.6 x bwrap by hand",
        bound: 1.6,
        value: ratio(warmMs, bareMs),
        unit: "",
        limitedBy: warmLimit,
      },
      {
        name: `exec, ${execsAtOnce} in flight: p99`,
        limit: "50 ms",
        bound: 50,
        value: crowded.p99Ms,
        unit: "ms",
        limitedBy: "the processor: each command starts some processes, and all wait for the same cores",
      },
    ],
    notes: [],
  };
}
