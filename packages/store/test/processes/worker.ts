/**
 * A process that works on a store beside others, until its time is over or somebody kills it. It says on its standard
 * output what it is about to do and what is done; each line is written before the work goes on.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { StoreError } from "../../src/errors.js";
import type { Store } from "../../src/api.js";
import { openStore } from "../../src/store.js";
import { Random } from "../random.js";
import { changeFiles, checkFile, checkFiles } from "./seeded-files.js";

export type Role = "writer" | "reader" | "collector" | "disks";

export interface Job {
  role: Role;
  storeDirectory: string;
  /** Of this worker alone; what an earlier one of the same name left there may be used. */
  place: string;
  /** Begins all names that this worker gives. */
  prefix: string;
  seed: number;
  endMs: number;
}

/** `of` is a snapshot or disk with the tree it has; without a tree it is gone. */
export type Line =
  { kind: "will" | "did"; of: string; tree: string | null } | { kind: "count"; what: string };

/** Snapshots that a writer keeps, and disks that their worker keeps. */
const keptMax = 4;

function say(line: Line): void {
  fs.writeSync(1, `${JSON.stringify(line)}\n`);
}

async function* rounds({ endMs }: Job): AsyncGenerator<number> {
  for (let n = 0; Date.now() < endMs; n++) {
    yield n;
    // A turn of the event loop, so that many quick rounds do not starve the channel to the engine.
    await new Promise(setImmediate);
  }
}

async function write(store: Store, job: Job, random: Random): Promise<void> {
  const source = path.join(job.place, "source");
  fs.mkdirSync(source, { recursive: true });
  const own: string[] = [];
  for await (const n of rounds(job)) {
    changeFiles(source, random);
    const name = `${job.prefix}-${n}`;
    say({ kind: "will", of: name, tree: "any" });
    const { snapshot, problems } = await store.snapshot(source, { name });
    assert.deepEqual(problems, []);
    say({ kind: "did", of: name, tree: snapshot.tree });
    own.push(name);
    if (random.chance(0.3)) await restoreAndCheck(store, random.pick(own), job.place);
    if (own.length <= keptMax) continue;
    const [gone] = own.splice(random.below(own.length), 1) as [string];
    say({ kind: "will", of: gone, tree: null });
    await store.deleteSnapshot(gone);
    say({ kind: "did", of: gone, tree: null });
  }
}

/** Restores over what was restored before, half of the time. */
async function restoreAndCheck(store: Store, name: string, place: string): Promise<void> {
  const target = path.join(place, "restored");
  const { problems } = await store.restore(name, target, { delete: true });
  assert.deepEqual(problems, []);
  checkFiles(target);
  say({ kind: "count", what: "restored" });
}

async function read(store: Store, job: Job, random: Random): Promise<void> {
  for await (const n of rounds(job)) {
    const all = (await store.snapshots()).filter(({ diskId }) => diskId === null);
    if (all.length === 0) continue;
    const { name } = random.pick(all);
    const other = random.pick(all).name;
    await unlessDeleted(store, [name, other], async () => {
      if (n % 3 === 0) await restoreAndCheck(store, name, job.place);
      else if (n % 3 === 1) await compare(store, name, other);
      else await exportOf(store, name);
    });
  }
}

/** Fails as what it runs, unless one of the snapshots was deleted meanwhile. */
async function unlessDeleted(store: Store, names: string[], run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const present = (await store.snapshots()).map(({ name }) => name);
    if (names.every((name) => present.includes(name))) throw error;
    if (!["snapshot_not_found", "chunk_missing"].includes(error.code)) throw error;
    say({ kind: "count", what: "deleted meanwhile" });
  }
}

async function compare(store: Store, from: string, to: string): Promise<void> {
  const { changes } = await store.diff(from, to);
  for await (const { kind, type, path: changed } of changes) {
    if (kind === "removed" || type !== "file") continue;
    const pieces: Buffer[] = [];
    for await (const piece of store.read(to, changed)) pieces.push(piece);
    checkFile(path.basename(Buffer.from(changed).toString()), Buffer.concat(pieces));
  }
  say({ kind: "count", what: "compared" });
}

async function exportOf(store: Store, name: string): Promise<void> {
  let bytes = 0;
  for await (const piece of store.export([name])) bytes += piece.length;
  assert.ok(bytes > 0);
  say({ kind: "count", what: "exported" });
}

async function collect(store: Store, job: Job, random: Random): Promise<void> {
  for await (const n of rounds(job)) {
    await store.gc({ dryRun: n % 4 === 3 });
    say({ kind: "count", what: "collected" });
    if (n % 4 !== 0) continue;
    const { findings } = await store.fsck({ readData: random.chance(0.5) });
    assert.deepEqual(findings, []);
    say({ kind: "count", what: "checked" });
  }
}

async function useDisks({ disks }: Store, job: Job, random: Random): Promise<void> {
  const own: string[] = [];
  for await (const n of rounds(job)) {
    const id = `${job.prefix}-${n}`;
    say({ kind: "will", of: id, tree: "any" });
    if (own.length === 0 || random.chance(0.3)) await disks.create({ id });
    else await disks.clone(random.pick(own), { id });
    const attachment = await disks.attach(id);
    const { mount } = attachment;
    changeFiles(mount.driver === "overlay" ? mount.upper : mount.path, random);
    await attachment.detach();
    const { snapshot, problems } = await disks.snapshot(id, { name: "kept" });
    assert.deepEqual(problems, []);
    say({ kind: "did", of: id, tree: snapshot.tree });
    own.push(id);
    if (random.chance(0.3)) await disks.restore(random.pick(own), "kept");
    if (own.length <= keptMax) continue;
    const [gone] = own.splice(random.below(own.length), 1) as [string];
    say({ kind: "will", of: gone, tree: null });
    await disks.delete(gone);
    say({ kind: "did", of: gone, tree: null });
  }
}

const work = { writer: write, reader: read, collector: collect, disks: useDisks };

const job = JSON.parse(process.argv[2] ?? "") as Job;
const store = await openStore(job.storeDirectory);
await work[job.role](store, job, new Random(job.seed));
await store.close();
