import { distribution, measure } from "../measure.js";
import type { Marks } from "./mark.js";
import { execIn, type BenchServer } from "./server.js";

export interface DiskOptions {
  files: number;
  runs: number;
}

interface WorkspaceAnswer {
  active_session_id: string | null;
}

const filesPerFolder = 200;

/** A shell program that makes so many files of 600 bytes or so, with nothing but coreutils. The folder is a word of the shell. */
export function fillScript(files: number, folder = "/workspace"): string {
  const folders = Math.ceil(files / filesPerFolder);
  const last = files - (folders - 1) * filesPerFolder;
  const linesPerFile = 100;
  return [
    "set -e",
    `cd ${folder}`,
    `for n in $(seq ${folders}); do`,
    `  count=${filesPerFolder}; [ $n -lt ${folders} ] || count=${last}`,
    "  mkdir folder-$n",
    `  seq $((n * 1000)) $((n * 1000 + count * ${linesPerFile} - 1)) | split -a 3 -l ${linesPerFile} - folder-$n/file-`,
    "done",
    "find . -type f | wc -l",
  ].join("\n");
}

async function endSession(server: BenchServer, workspace: string): Promise<void> {
  const { active_session_id: id } = await server.call<WorkspaceAnswer>("GET", `/v1/workspaces/${workspace}`);
  if (id !== null) await server.call("DELETE", `/v1/sessions/${id}`);
}

/** What clones and snapshots of a large workspace cost over HTTP. */
export async function markDisk(server: BenchServer, options: DiskOptions): Promise<Marks> {
  const { files, runs } = options;
  const workspace = "disk-marks";
  await server.call("POST", "/v1/workspaces", { session_type: "sandbox", name: workspace });
  const { output } = await execIn(server, workspace, fillScript(files));
  if (Number(output) !== files)
    throw new Error(`${files} files expected in the workspace, ${output.trim()} found`);

  const snapshot = (name: string): Promise<unknown> =>
    server.call("POST", `/v1/workspaces/${workspace}/snapshots`, { name });
  const change = (run: number): Promise<unknown> =>
    execIn(
      server,
      workspace,
      `cd /workspace/folder-1 && for f in $(ls | head -n 10); do echo ${run} > $f; done`,
    );

  await endSession(server, workspace);
  const firstMs = await measure(() => snapshot("first"));
  const liveMs: number[] = [];
  const idleMs: number[] = [];
  const cloneMs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await change(run);
    liveMs.push(await measure(() => snapshot(`live-${run}`)));
    await change(run + runs);
    await endSession(server, workspace);
    idleMs.push(await measure(() => snapshot(`idle-${run}`)));
    const name = `disk-marks-clone-${run}`;
    cloneMs.push(await measure(() => server.call("POST", "/v1/workspaces", { clone_from: workspace, name })));
    await server.call("DELETE", `/v1/workspaces/${name}`);
  }
  await server.call("DELETE", `/v1/workspaces/${workspace}?force=true`);
  const limit = "syncs of what must be durable on return, of the store and of the database; the request";
  const marks = [
    { name: `first snapshot of ${files} files`, measured: distribution([firstMs]), goalMs: null },
    {
      name: `clone of a disk with ${files} files`,
      measured: distribution(cloneMs),
      goalMs: 50,
      limitedBy: limit,
    },
    {
      name: "snapshot after 10 changed files, idle",
      measured: distribution(idleMs),
      goalMs: 100,
      limitedBy: limit,
    },
    {
      name: "snapshot after 10 changed files, live",
      measured: distribution(liveMs),
      goalMs: 100,
      limitedBy: limit,
    },
  ];
  return { marks, goals: [], notes: [] };
}
