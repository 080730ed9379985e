import { setTimeout as sleep } from "node:timers/promises";
import type { Goal } from "../goals.js";
import { distribution, measure, median } from "../measure.js";
import { execsAtOnce, inFlight } from "./exec.js";
import type { Marks } from "./mark.js";
import {
  commandName,
  descendants,
  heldBy,
  proportionalBytes,
  residentBytes,
  type Held,
} from "./processes.js";
import { execIn, type BenchServer } from "./server.js";

export interface SessionAnswer {
  id: string;
}

export interface CrowdOptions {
  /** With one idle process each. */
  sessions: number;
  /** After which the server must not have grown. */
  execs: number;
  onStep: (text: string) => void;
}

const idleCommand = "sleep";
/** Growth per command that would be a leak: 1 kB each makes 10 MB of 10,000. */
const growthBytesPerExecMax = 1_000;
/** In which all that ended must have been cleaned up. */
const cleaningMsMax = 10_000;
const cleaningPollMs = 100;
const samples = 50;

async function startIdle(server: BenchServer, { sessions, onStep }: CrowdOptions): Promise<string[]> {
  const ids: string[] = [];
  await inFlight(sessions, execsAtOnce, async () => {
    const body = { session_type: "sandbox", ephemeral: true };
    const { id } = await server.call<SessionAnswer>("POST", "/v1/sessions", body);
    ids.push(id);
    const command = [idleCommand, "1000000"];
    await server.call("POST", `/v1/sessions/${id}/exec`, { command, background: true });
    if (ids.length % 50 === 0) onStep(`sessions: ${ids.length} of ${sessions} with an idle process`);
  });
  return ids;
}

/** Memory of all that a server keeps running for its sessions, without the commands themselves. */
function keptBytes(server: BenchServer): number {
  const pids = descendants(server.pid).filter((pid) => commandName(pid) !== idleCommand);
  return pids.reduce((sum, pid) => sum + proportionalBytes(pid), 0);
}

async function untilIdle(server: BenchServer, sessions: number): Promise<void> {
  const deadlineMs = performance.now() + cleaningMsMax;
  const idle = (): number => descendants(server.pid).filter((pid) => commandName(pid) === idleCommand).length;
  while (idle() < sessions) {
    if (performance.now() > deadlineMs)
      throw new Error(`${sessions} idle processes were started, ${idle()} are there`);
    await sleep(cleaningPollMs);
  }
}

/** Resident memory of the server over many commands: of the second fifth, and of the last. */
async function measureGrowth(
  server: BenchServer,
  { execs, onStep }: CrowdOptions,
): Promise<{ beforeBytes: number; afterBytes: number }> {
  const workspace = "growth-marks";
  await server.call("POST", "/v1/workspaces", { session_type: "sandbox", name: workspace });
  const { session_id: session } = await execIn(server, workspace, "true");
  const resident: number[] = [];
  const every = Math.ceil(execs / samples);
  await inFlight(execs, execsAtOnce, async (n) => {
    await execIn(server, workspace, "true");
    if (n % every === 0) resident.push(residentBytes(server.pid));
    if (n > 0 && n % (every * 10) === 0) onStep(`sessions: ${n} of ${execs} commands`);
  });
  await server.call("DELETE", `/v1/sessions/${session}`);
  await server.call("DELETE", `/v1/workspaces/${workspace}?force=true`);
  const fifth = Math.ceil(resident.length / 5);
  return {
    beforeBytes: median(resident.slice(fifth, 2 * fifth)),
    afterBytes: median(resident.slice(-fifth)),
  };
}

function more(before: Held, after: Held): string[] {
  return (Object.keys(before) as (keyof Held)[])
    .filter((kind) => after[kind] > before[kind])
    .map((kind) => `${after[kind] - before[kind]} ${kind}`);
}

async function leftSince(server: BenchServer, before: Held): Promise<string[]> {
  const deadlineMs = performance.now() + cleaningMsMax;
  for (;;) {
    const left = more(before, heldBy(server.pid, server.dataDirectory));
    if (left.length === 0 || performance.now() > deadlineMs) return left;
    await sleep(cleaningPollMs);
  }
}

/** Many sessions at once and many commands: memory, and what is left when all have ended. */
export async function markCrowd(server: BenchServer, options: CrowdOptions): Promise<Marks> {
  const { sessions, execs } = options;
  // What the first session makes stays for all later ones.
  const [first = ""] = await startIdle(server, { ...options, sessions: 1 });
  await server.call("DELETE", `/v1/sessions/${first}`);
  const before = heldBy(server.pid, server.dataDirectory);

  const keptBefore = keptBytes(server);
  const residentBefore = residentBytes(server.pid);
  const ids = await startIdle(server, options);
  await untilIdle(server, sessions);
  const helperMegabytes = (keptBytes(server) - keptBefore) / sessions / 1e6;
  const serverMegabytes = (residentBytes(server.pid) - residentBefore) / sessions / 1e6;
  const endMs: number[] = [];
  await inFlight(sessions, execsAtOnce, async (n) => {
    endMs.push(await measure(() => server.call("DELETE", `/v1/sessions/${ids[n] ?? ""}`)));
  });
  const { beforeBytes, afterBytes } = await measureGrowth(server, options);
  const left = await leftSince(server, before);

  const goals: Goal[] = [
    {
      name: `memory of each of ${sessions} sessions beyond its process`,
      limit: "3 MB",
      bound: 3,
      value: helperMegabytes + serverMegabytes,
      unit: "MB",
      limitedBy: `keeper, init and supervisors ${helperMegabytes.toFixed(2)} MB, growth of the server ${serverMegabytes.toFixed(2)} MB`,
    },
    {
      name: `growth of the server over ${execs} commands`,
      limit: "1 kB a command",
      bound: (growthBytesPerExecMax * execs) / 1e6,
      value: (afterBytes - beforeBytes) / 1e6,
      unit: "MB",
      limitedBy: `node's heap, as large as it was once: ${(beforeBytes / 1e6).toFixed(0)} MB early on, ${(afterBytes / 1e6).toFixed(0)} MB at the end`,
    },
    {
      name: "descriptors, processes, mounts, directories left when all have ended",
      limit: "none",
      bound: 0,
      value: left.length,
      unit: "",
      limitedBy: left.length === 0 ? "" : `left: ${left.join(", ")}`,
    },
  ];
  return {
    marks: [
      {
        name: `end of each of ${sessions} sessions, ${execsAtOnce} in flight`,
        measured: distribution(endMs),
        goalMs: null,
      },
    ],
    goals,
    notes: [],
  };
}
