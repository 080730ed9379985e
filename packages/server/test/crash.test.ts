import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { openStore } from "@chaser/store";
import { processesMentioning, serverProcess } from "./fixture/processes.js";
import { Client, removeDirectory, sandboxMissing, temporaryDirectory } from "./fixture/server.js";

const roundsMin = 3 * Math.max(1, Number(process.env["CHASER_DEEP"] ?? 1));
/** On a slow machine the first rounds may end before anything is done; later ones last longer. */
const roundsMax = 10 * roundsMin;
const apiKey = "sk_" + "c".repeat(43);

/** What the server has said yes to, and therefore has to keep. */
interface Acknowledged {
  /** Workspaces, with what their file `log` holds at least. */
  lines: Map<string, number>;
  snapshots: Map<string, string[]>;
  deleted: Set<string>;
}

describe("a server that is killed at a random moment", { skip: await sandboxMissing() }, () => {
  test("leaves no process, loses nothing it acknowledged, and starts again", async () => {
    const directory = await temporaryDirectory();
    const data = path.join(directory, "data");
    const acknowledged: Acknowledged = { lines: new Map(), snapshots: new Map(), deleted: new Set() };
    const delays: number[] = [];
    try {
      const isEnough = (): boolean => acknowledged.lines.size > roundsMin && acknowledged.snapshots.size > 0;
      for (let round = 0; round < roundsMin || (round < roundsMax && !isEnough()); round += 1) {
        const server = await serverProcess(data, apiKey);
        const client = new Client(server.url, apiKey);
        await verify(client, acknowledged);
        const delayMs = randomInt(50, 1500 * Math.ceil((round + 1) / roundsMin));
        delays.push(delayMs);
        const killed = sleep(delayMs).then(() => server.end("SIGKILL"));
        await Promise.all([
          work(client, round * 2, acknowledged),
          work(client, round * 2 + 1, acknowledged),
          killed,
        ]);
        await noProcessLeft(directory);
      }
      assert.ok(isEnough(), "too little work was done");
      const last = await serverProcess(data, apiKey);
      const client = new Client(last.url, apiKey);
      await verify(client, acknowledged);
      const [account] = await client.expect<any[]>(200, "GET", "/v1/accounts");
      await last.end("SIGTERM");
      await noProcessLeft(directory);
      await checkStore(path.join(data, "accounts", account.id), acknowledged);
    } catch (error) {
      throw new Error(`killed after ${delays.join(", ")} ms`, { cause: error });
    } finally {
      await removeDirectory(directory);
    }
  });
});

/** Does all kinds of work until the server is gone. Only what is answered counts. */
async function work(client: Client, seed: number, acknowledged: Acknowledged): Promise<void> {
  const name = `w${seed}`;
  const base = `/v1/workspaces/${name}`;
  try {
    await client.workspace(name);
    acknowledged.lines.set(name, 0);
    for (let i = 1; ; i += 1) {
      await client.exec(name, `echo ${i} >> log; head -c 100000 /dev/urandom > data; sync log data`);
      acknowledged.lines.set(name, i);
      await client.expect(201, "POST", `${base}/snapshots`, { name: `s${i}` });
      acknowledged.snapshots.set(name, [...(acknowledged.snapshots.get(name) ?? []), `s${i}`]);
      await client.expect(201, "POST", "/v1/workspaces", {
        clone_from: `${name}@s${i}`,
        name: `${name}-c${i}`,
      });
      acknowledged.lines.set(`${name}-c${i}`, i);
      if (i % 2 === 0) {
        acknowledged.lines.delete(`${name}-c${i}`);
        await client.expect(204, "DELETE", `/v1/workspaces/${name}-c${i}`);
        acknowledged.deleted.add(`${name}-c${i}`);
      }
    }
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
  }
}

function isConnectionLoss(error: unknown): boolean {
  return error instanceof TypeError && /fetch failed|terminated/.test(error.message);
}

async function verify(client: Client, { lines, snapshots, deleted }: Acknowledged): Promise<void> {
  const names = new Set(
    (await client.expect<any[]>(200, "GET", "/v1/workspaces")).map((w) => w.name as string),
  );
  for (const name of lines.keys()) assert.ok(names.has(name), `${name} is lost`);
  for (const name of deleted) assert.ok(!names.has(name), `${name} is back`);
  assert.deepEqual(await client.expect(200, "GET", "/v1/sessions?status=active"), []);
  for (const [name, taken] of snapshots) {
    const list = await client.expect<any[]>(200, "GET", `/v1/workspaces/${name}/snapshots`);
    for (const snapshot of taken)
      assert.ok(
        list.some((s) => s.name === snapshot),
        `${name}@${snapshot} is lost`,
      );
  }
  const [latest] = [...lines].slice(-1);
  if (latest === undefined) return;
  const [name, count] = latest;
  const log = count === 0 ? "" : await client.exec(name, "cat log");
  assert.ok(
    log.split("\n").length - 1 >= count,
    `${name}: ${count} lines acknowledged, ${log.length} bytes there`,
  );
  await client.idle(name);
}

/** A killed process that waits for its disk ends only when the disk has answered, so this is patient. */
async function noProcessLeft(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if ((await processesMentioning(directory)).length === 0) return;
    await sleep(50);
  }
  assert.fail(`processes left: ${(await processesMentioning(directory)).join(", ")}`);
}

/** At the end the store is sound, and holds a disk for each workspace and nothing else. */
async function checkStore(directory: string, { deleted }: Acknowledged): Promise<void> {
  await using store = await openStore(directory);
  const report = await store.fsck({ readData: true });
  assert.deepEqual(report.findings, []);
  for (const disk of await store.disks.list()) assert.ok(!disk.attached && !deleted.has(disk.id), disk.id);
}
