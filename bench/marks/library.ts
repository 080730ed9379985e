import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStore, type Store } from "@chaser/store";
import { ratio, type Goal } from "../goals.js";
import { distribution, measure, measureProcess } from "../measure.js";
import { ByHand } from "./by-hand.js";
import { manyLayers, measureLayers } from "./layers.js";
import type { Mark, Marks } from "./mark.js";
import { attached, change, changedFiles } from "./mounted.js";

export interface LibraryOptions {
  files: number;
  runs: number;
  /** Of one template. */
  clones: number;
  onStep: (text: string) => void;
}

const filesPerFolder = 200;
/** The larger disk has so many times the files, and its clones and snapshots may take so many times as long. */
const larger = 10;
const largerShare = 1.2;

const snapshotLimit =
  "five waits for the disk, as by hand; some 240 calls of the kernel, and code that runs too seldom to be compiled well";
const syncLimit = "syncs of the files and folders that must be durable on return, however large the disk is";

/** Files of 600 bytes or so, written where overlayfs would have put them. */
async function fill(store: Store, id: string, files: number): Promise<void> {
  await store.disks.create({ id });
  await attached(store, id, async ({ mount }) => {
    if (mount.driver !== "overlay") throw new Error("an overlay disk was asked for");
    for (let from = 0; from < files; from += filesPerFolder) {
      const folder = join(mount.upper, `folder-${from / filesPerFolder}`);
      await mkdir(folder);
      const numbers = Array.from({ length: Math.min(filesPerFolder, files - from) }, (_, n) => n);
      await Promise.all(numbers.map((n) => writeFile(join(folder, `file-${n}`), `${from + n} `.repeat(100))));
    }
  });
}

interface Times {
  clone: number[];
  largerClone: number[];
  snapshot: number[];
  largerSnapshot: number[];
  byHand: number[];
  restore: number[];
  building: number[];
}

/** In turn, so that what else the machine does meets all of them. */
async function measureChanges(store: Store, byHand: ByHand, runs: number): Promise<Times> {
  const times: Times = {
    clone: [],
    largerClone: [],
    snapshot: [],
    largerSnapshot: [],
    byHand: [],
    restore: [],
    building: [],
  };
  const { disks } = store;
  await disks.snapshot("one", { name: "first" });
  await disks.snapshot("large", { name: "first" });
  for (let run = 0; run < runs; run += 1) {
    for (const [id, found] of [
      ["one", times.clone],
      ["large", times.largerClone],
    ] as const) {
      const copy = `${id}-copy-${run}`;
      await change(store, id, 0, `clone-${run}`);
      found.push(await measure(() => disks.clone(id, { id: copy })));
      await disks.delete(copy);
    }
    const name = `after-${run}`;
    for (const [id, found] of [
      ["one", times.snapshot],
      ["large", times.largerSnapshot],
    ] as const) {
      await change(store, id, 0, name);
      found.push(await measure(() => disks.snapshot(id, { name })));
    }
    byHand.change(name);
    times.byHand.push(await measure(() => byHand.snapshot()));
    times.restore.push(await measure(() => disks.restore("one", "first")));
    // The disk stood on the layer of this snapshot alone.
    await store.gc();
    times.building.push(await measure(() => disks.restore("one", name)));
  }
  return times;
}

/** What the store says it takes, against what the filesystem says. */
async function checkLaw(store: Store, directory: string, clones: number): Promise<Goal[]> {
  const { onDiskBytes, audit } = await store.usage({ audit: true });
  // Overlayfs leaves empty folders that only root may enter: du counts them, complains and fails.
  const script = 'du -s -B1 "$1" 2> /dev/null || true';
  const { output } = await measureProcess("/bin/sh", ["-c", script, "du", directory]);
  const differences = audit?.differences ?? ["no audit was made"];
  const law = { limit: "0", bound: 0 };
  return [
    {
      ...law,
      name: `usage less du, with ${clones} clones`,
      value: Math.abs(onDiskBytes - Number.parseInt(output)),
      unit: "bytes",
      limitedBy: "",
    },
    {
      ...law,
      name: "differences that the audit finds",
      value: differences.length,
      unit: "",
      limitedBy: differences.join("; "),
    },
  ];
}

/** What the library's disks cost without a server, durable on return, messages to the engine included. */
export async function markLibrary(directory: string, options: LibraryOptions): Promise<Marks> {
  const { files, runs, clones, onStep } = options;
  const largerFiles = larger * files;
  const storeDirectory = join(directory, "library");
  await using store = await openStore(storeDirectory, { create: true });
  onStep(`disks: the library's, writing ${files} and ${largerFiles} files`);
  await fill(store, "one", files);
  await fill(store, "large", largerFiles);
  onStep("disks: first snapshots of both, then clones, snapshots and restores");
  const byHand = new ByHand(join(directory, "by-hand"), changedFiles);
  const times = await measureChanges(store, byHand, runs);
  onStep(`disks: reading through 1 and ${manyLayers} layers`);
  const layers = await measureLayers(store, runs);
  const copies: number[] = [];
  for (let copy = 0; copy < clones; copy += 1) {
    copies.push(await measure(() => store.disks.clone("large", { id: `many-${copy}` })));
    if (copies.length % 250 === 0) onStep(`disks: ${copies.length} of ${clones} clones`);
  }
  const mark = (name: string, durations: number[], goalMs: number | null, limitedBy?: string): Mark => ({
    name: `library: ${name}`,
    measured: distribution(durations),
    goalMs,
    ...(limitedBy === undefined ? {} : { limitedBy }),
  });
  const growth = (name: string, large: number[], small: number[]): Goal => ({
    name: `${name}, ${largerFiles} files`,
    limit: `${largerShare} x with ${files} files`,
    bound: largerShare,
    value: ratio(large, small),
    unit: "",
    limitedBy: syncLimit,
  });
  const marks = [
    mark(`clone of a changed disk with ${files} files`, times.clone, 15, syncLimit),
    mark(`clone of one with ${largerFiles} files`, times.largerClone, null),
    mark(`each of ${clones} clones of one template`, copies, 20, syncLimit),
    mark(`snapshot after ${changedFiles} changed files of ${files}`, times.snapshot, 15, snapshotLimit),
    mark(`snapshot after ${changedFiles} changed files of ${largerFiles}`, times.largerSnapshot, null),
    mark("the calls of a snapshot that it cannot do without, by hand", times.byHand, null),
    mark("restore of a snapshot whose layer is there", times.restore, 15, syncLimit),
    mark(
      "restore of one whose layer is built",
      times.building,
      75,
      "the layer is written from the chunks, then synced",
    ),
  ];
  const goals = [
    growth("clone", times.largerClone, times.clone),
    growth("snapshot", times.largerSnapshot, times.snapshot),
    ...layers.goals,
    ...(await checkLaw(store, storeDirectory, clones)),
  ];
  return { marks: [...marks, ...layers.marks], goals, notes: [] };
}
