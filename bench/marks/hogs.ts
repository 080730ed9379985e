import { distribution, measure } from "../measure.js";
import type { Marks } from "./mark.js";
import { execIn, type BenchServer } from "./server.js";

/** What one session may do to a machine at once, each without end. */
const hogs = {
  output: "yes",
  errors: "yes >&2",
  processor: "while :; do :; done",
  forks: "while :; do for i in $(seq 300); do sleep 5 & done; wait; done",
  waiting: "for i in $(seq 64); do mkfifo /tmp/f$i; cat /tmp/f$i & done; wait",
  files: "while :; do for i in $(seq 1000); do truncate -s 9G f$i; done; rm f*; done",
};

/** What a command in one session takes while others do what they can. */
export async function markHogs(server: BenchServer, runs: number): Promise<Marks> {
  const [quiet, loud] = ["beside-hogs", "hogs"];
  for (const name of [quiet, loud])
    await server.call("POST", "/v1/workspaces", { session_type: "sandbox", name });
  for (const command of Object.values(hogs))
    await server.call("POST", "/v1/exec", { workspace: loud, command, background: true });
  const besideMs: number[] = [];
  // The first one starts the session.
  for (let run = -1; run < runs; run += 1) {
    const durationMs = await measure(() => execIn(server, quiet, "true"));
    if (run >= 0) besideMs.push(durationMs);
  }
  for (const name of [quiet, loud]) await server.call("DELETE", `/v1/workspaces/${name}?force=true`);
  const beside = distribution(besideMs);
  return {
    marks: [
      { name: "exec beside a session that takes all it can, over HTTP", measured: beside, goalMs: null },
    ],
    goals: [
      {
        name: "exec beside a session that takes all it can: p99",
        limit: "100 ms",
        bound: 100,
        value: beside.p99Ms,
        unit: "ms",
        limitedBy: "the processor, which both share: without control groups the other session only gives way",
      },
    ],
    notes: [],
  };
}
