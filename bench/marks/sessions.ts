import { join } from "node:path";
import { distribution, measure } from "../measure.js";
import { markCrowd, type CrowdOptions, type SessionAnswer } from "./crowd.js";
import { markExec } from "./exec.js";
import { markHogs } from "./hogs.js";
import { together, type Marks } from "./mark.js";
import { startBenchServer, type BenchServer } from "./server.js";

const startLimits = {
  none: "programs that start one after the other, unshare, sh, mount, mkdir, bwrap, env and cat; the disk's attachment",
  nat: "as without a network, and slirp4netns until it has set up its interface",
};

/** What starting a session costs over HTTP, with the disk and the namespaces, until commands can run. */
export async function markStart(
  server: BenchServer,
  network: "none" | "nat",
  { runs, goalMs }: { runs: number; goalMs: number },
): Promise<Marks> {
  const workspace = `start-marks-${network}`;
  await server.call("POST", "/v1/workspaces", { session_type: "sandbox", name: workspace });
  const durationsMs: number[] = [];
  // The first one is not counted: it meets code and files that no session needed before.
  for (let run = -1; run < runs; run += 1) {
    let id = "";
    const durationMs = await measure(async () => {
      const body = { session_type: "sandbox", workspace };
      id = (await server.call<SessionAnswer>("POST", "/v1/sessions", body)).id;
    });
    if (run >= 0) durationsMs.push(durationMs);
    await server.call("DELETE", `/v1/sessions/${id}`);
  }
  await server.call("DELETE", `/v1/workspaces/${workspace}?force=true`);
  const measured = distribution(durationsMs);
  return {
    marks: [
      { name: `session started, network ${network}`, measured, goalMs, limitedBy: startLimits[network] },
    ],
    goals: [],
    notes: [],
  };
}

export interface SessionMarksOptions extends CrowdOptions {
  warmRuns: number;
  coldRuns: number;
}

/** Everything about sessions, each network on a server of its own. */
export async function markSessions(directory: string, options: SessionMarksOptions): Promise<Marks> {
  const { warmRuns, coldRuns: runs, onStep } = options;
  const limits = { sessionsMax: options.sessions + 1 };
  await using server = await startBenchServer(join(directory, "sessions"), { limits });
  onStep("sessions: commands");
  const exec = await markExec(server, { warmRuns, coldRuns: runs });
  onStep("sessions: starts");
  const start = await markStart(server, "none", { runs, goalMs: 40 });
  const nat = await markNat(join(directory, "nat"), runs);
  const crowd = await markCrowd(server, options);
  onStep("sessions: beside one that takes all it can");
  return together([exec, start, nat, crowd, await markHogs(server, warmRuns)]);
}

async function markNat(dataDirectory: string, runs: number): Promise<Marks> {
  await using server = await startBenchServer(dataDirectory, { network: "nat" });
  try {
    return await markStart(server, "nat", { runs, goalMs: 120 });
  } catch (error) {
    return { marks: [], goals: [], notes: [`Network nat was not measured: ${(error as Error).message}`] };
  }
}
