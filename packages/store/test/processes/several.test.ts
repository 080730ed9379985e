/**
 * Several processes write, read, collect and delete on one store at once, and some of them are killed at any moment. What was
 * acknowledged must be there in the end, what was acknowledged as deleted must not, and nobody may meet damage meanwhile.
 */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryDirectoryInMemory, removeDirectory } from "../disk/mounted.js";
import { ended } from "../program.js";
import { Random, seedOfRun } from "../random.js";
import { depth } from "../simulation/share.js";
import { openStore } from "../../src/store.js";
import { checkFiles } from "./seeded-files.js";
import type { Job, Line, Role } from "./worker.js";

const workerProgram = fileURLToPath(new URL("./worker.js", import.meta.url));
const roles: readonly Role[] = ["writer", "writer", "reader", "collector", "disks"];
const runMs = 5_000 * depth;
const killEveryMs = 700;
/** All of this must happen; where the machine is too slow for it, there is another round of twice the length. */
const wanted = ["made", "deleted", "collected"];
const roundsMax = 6;

/** What the workers have said, put together. */
class Ledger {
  /** Acknowledged: the tree of a snapshot or disk by its name. */
  readonly present = new Map<string, string>();
  readonly gone = new Set<string>();
  /** Announced and not acknowledged: may be as before or as after. */
  readonly open = new Set<string>();
  readonly counts = new Map<string, number>();

  take(line: Line): void {
    if (line.kind === "count") {
      this.counts.set(line.what, (this.counts.get(line.what) ?? 0) + 1);
      return;
    }
    const { of, tree } = line;
    if (line.kind === "will") {
      this.open.add(of);
      return;
    }
    this.open.delete(of);
    if (tree === null) this.present.delete(of);
    else this.present.set(of, tree);
    if (tree === null) this.gone.add(of);
    const what = tree === null ? "deleted" : "made";
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

interface Worker {
  process: ChildProcess;
  /** It has said that it does something, or did. */
  hasBegun: boolean;
  /** Rejects when it ended otherwise than it should. */
  done: Promise<void>;
}

function startWorker(job: Job, ledger: Ledger): Worker {
  fs.mkdirSync(job.place, { recursive: true });
  const child = fork(workerProgram, [JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: [],
  });
  const done = ended(child).then(({ code, signal, stdout, stderr }) => {
    // What follows the last line end was being written when it was killed: it did not say that.
    for (const line of stdout.split("\n").slice(0, -1)) ledger.take(JSON.parse(line) as Line);
    assert.ok(code === 0 || signal === "SIGKILL", `${job.prefix} ended with ${code ?? signal}: ${stderr}`);
  });
  const worker = { process: child, hasBegun: false, done };
  child.stdout?.once("data", () => (worker.hasBegun = true));
  return worker;
}

let starts = 0;

async function runWorkers(place: string, random: Random, ledger: Ledger, forMs: number): Promise<void> {
  const endMs = Date.now() + forMs;
  const start = (role: Role, n: number): Worker =>
    startWorker(
      {
        role,
        storeDirectory: `${place}/store`,
        place: `${place}/${role}-${n}`,
        prefix: `${role}-${(starts += 1)}`,
        seed: random.word() || 1,
        endMs,
      },
      ledger,
    );
  const workers = roles.map((role, n) => start(role, n));
  while (Date.now() < endMs - killEveryMs) {
    await Promise.race([
      sleep(killEveryMs / 2 + random.below(killEveryMs)),
      ...workers.map((one) => one.done),
    ]);
    const n = random.below(workers.length);
    const victim = workers[n] as Worker;
    // Few die before they did anything, or on a slow machine nothing would ever be done.
    if (!victim.hasBegun && !random.chance(0.2)) continue;
    victim.process.kill("SIGKILL");
    await victim.done;
    workers[n] = start(roles[n] as Role, n);
  }
  await Promise.all(workers.map((one) => one.done));
}

async function judge(place: string, ledger: Ledger): Promise<void> {
  await using store = await openStore(`${place}/store`);
  const check = async (when: string): Promise<void> =>
    assert.deepEqual((await store.fsck({ readData: true })).findings, [], when);
  await check("at the end");
  await store.gc();
  await check("after a collection");

  const disks = new Set((await store.disks.list()).map(({ id }) => id));
  const snapshots = new Map((await store.snapshots()).map(({ name, tree }) => [name, tree]));
  for (const [name, tree] of ledger.present) {
    if (ledger.open.has(name)) continue;
    if (!name.startsWith("disks-")) {
      assert.equal(snapshots.get(name), tree, `snapshot ${name}`);
      continue;
    }
    assert.ok(disks.has(name), `disk ${name}`);
    const { snapshot } = await store.disks.snapshot(name, { name: "in the end" });
    assert.equal(snapshot.tree, tree, `what disk ${name} shows`);
    const kept = (await store.disks.snapshots(name)).find((one) => one.name === "kept");
    assert.equal(kept?.tree, tree, `the snapshot of disk ${name}`);
  }
  for (const name of [...snapshots.keys(), ...disks]) assert.ok(!ledger.gone.has(name), `${name} is back`);
  for (const name of snapshots.keys()) {
    await store.restore(name, `${place}/end`, { delete: true });
    assert.ok(checkFiles(`${place}/end`) > 0);
    const again = await store.snapshot(`${place}/end`, { name: "again" });
    assert.equal(again.snapshot.tree, snapshots.get(name), `${name}, restored`);
    await store.deleteSnapshot("again");
  }
  for (const id of disks) await store.disks.delete(id);
  for (const name of snapshots.keys()) await store.deleteSnapshot(name);
  await check("when all is deleted");
}

test("several processes work on one store, some are killed, and nothing acknowledged is lost", async (t: TestContext) => {
  const random = new Random(seedOfRun());
  t.diagnostic(`seed ${random.seed}`);
  const place = temporaryDirectoryInMemory();
  t.after(() => removeDirectory(place));
  await (await openStore(`${place}/store`, { create: true })).close();
  const ledger = new Ledger();
  const isMissing = (what: string): boolean => !ledger.counts.has(what);
  for (let round = 0; round < roundsMax && wanted.some(isMissing); round++)
    await runWorkers(place, random, ledger, runMs * 2 ** round);
  t.diagnostic([...ledger.counts].map(([what, count]) => `${count} ${what}`).join(", "));
  await judge(place, ledger);
  assert.deepEqual(wanted.filter(isMissing), []);
});
