import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStore, type Store } from "@chaser/store";
import { distribution, measure } from "../measure.js";
import type { Mark } from "./mark.js";
import { attached, onMounted } from "./mounted.js";

export interface LibraryOptions {
  files: number;
  runs: number;
  /** Of one template. */
  clones: number;
}

const filesPerFolder = 200;
const changedFiles = 10;
const manyLayers = 16;
/** The larger disk has so many times the files, and a clone of it may take so many times as long. */
const larger = 4;
const largerShare = 1.2;

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

/** Writes some files of a folder anew, through the mounted disk. */
async function change(store: Store, id: string, folder: number, content: string): Promise<void> {
  const script = `for n in $(seq 0 ${changedFiles - 1}); do echo ${content} > folder-${folder}/file-$n; done`;
  await attached(store, id, (attachment) => onMounted(attachment, script));
}

interface Times {
  clone: number[];
  largerClone: number[];
  snapshot: number[];
  restore: number[];
  building: number[];
}

/** In turn, so that what else the machine does meets all of them. */
async function measureChanges(store: Store, runs: number): Promise<Times> {
  const times: Times = { clone: [], largerClone: [], snapshot: [], restore: [], building: [] };
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
    await change(store, "one", 0, name);
    times.snapshot.push(await measure(() => disks.snapshot("one", { name })));
    times.restore.push(await measure(() => disks.restore("one", "first")));
    // The disk stood on the layer of this snapshot alone.
    await store.gc();
    times.building.push(await measure(() => disks.restore("one", name)));
  }
  return times;
}

/** What a command inside says it took, in milliseconds, without mounting. */
function timed(script: string): string {
  return `s=$(date +%s%N); { ${script}; } > /dev/null; e=$(date +%s%N); echo $((e - s))`;
}

/** Walking and reading one layer, and the same files with more layers over them. */
async function measureLayers(store: Store, runs: number): Promise<Mark[]> {
  const { disks } = store;
  await disks.restore("one", "first");
  await disks.clone("one", { id: "deep" });
  for (let layer = (await disks.get("deep")).layers; layer < manyLayers; layer += 1) {
    await change(store, "deep", 0, `layer-${layer}`);
    await disks.snapshot("deep");
  }
  const scripts = { find: "find . -type f -size +1M", "grep -r": "grep -r -c never-there . || true" };
  const marks: Mark[] = [];
  for (const [name, script] of Object.entries(scripts)) {
    const found = new Map<string, number[]>([
      ["one", []],
      ["deep", []],
    ]);
    for (let run = 0; run < runs; run += 1) {
      for (const [id, durations] of found) {
        const printed = await attached(store, id, (attachment) => onMounted(attachment, timed(script)));
        durations.push(Number(printed) / 1e6);
      }
    }
    for (const [id, durations] of found) {
      const { layers } = await disks.get(id);
      const measured = distribution(durations);
      marks.push({
        name: `${name} through ${layers} layer${layers === 1 ? "" : "s"}`,
        measured,
        goalMs: null,
      });
    }
  }
  return marks;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/** What the library's disks cost without a server, durable on return, messages to the engine included. */
export async function markLibrary(directory: string, options: LibraryOptions): Promise<Mark[]> {
  const { files, runs, clones } = options;
  await using store = await openStore(join(directory, "library"), { create: true });
  await fill(store, "one", files);
  await fill(store, "large", larger * files);
  const times = await measureChanges(store, runs);
  const layers = await measureLayers(store, runs);
  const copies: number[] = [];
  for (let copy = 0; copy < clones; copy += 1) {
    copies.push(await measure(() => store.disks.clone("large", { id: `many-${copy}` })));
  }
  const clone = distribution(times.clone);
  const mark = (name: string, durations: number[], goalMs: number): Mark => ({
    name: `library: ${name}`,
    measured: distribution(durations),
    goalMs,
  });
  return [
    { name: `library: clone of a changed disk with ${files} files`, measured: clone, goalMs: 15 },
    mark(
      `clone of one with ${larger * files} files`,
      times.largerClone,
      hundredths(largerShare * clone.medianMs),
    ),
    mark(`each of ${clones} clones of one template`, copies, 20),
    mark(`snapshot after ${changedFiles} changed files`, times.snapshot, 15),
    mark("restore of a snapshot whose layer is there", times.restore, 15),
    { ...mark("restore of one whose layer is built", times.building, 0), goalMs: null },
    ...layers.map((layer) => ({ ...layer, name: `library: ${layer.name}` })),
  ];
}
