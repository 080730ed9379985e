import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openStore, type Store } from "@chaser/store";
import { distribution, measure } from "../measure.js";
import type { Mark, Marks } from "./mark.js";
import { attached } from "./mounted.js";

export interface AccountingOptions {
  snapshots: number;
  /** Of the disk. */
  files: number;
  runs: number;
  onStep: (text: string) => void;
}

const goalMs = 10;
const disk = "accounted";
const changedFiles = 10;
/** Longer than a time of the kernel proves nothing. */
const settledMs = 150;

const questions = {
  "usage of a store": (store: Store) => store.usage(),
  "each snapshot's usage in a store": (store: Store) => store.snapshotUsage({ diskId: disk }),
  "a disk's usage in a store": (store: Store) => store.disks.usage(disk),
} as const;
type Question = keyof typeof questions;
const names = Object.keys(questions) as Question[];

const limitedBy: Record<Question, string> = {
  "usage of a store": "the list of packs is read each time",
  "each snapshot's usage in a store":
    "the list of packs is read each time; the answer has a record for each snapshot",
  "a disk's usage in a store": "layers that came or went are listed and walked",
};

type Times = Record<Question, number[]>;
const noTimes = (): Times => Object.fromEntries(names.map((name) => [name, [] as number[]])) as Times;

async function ask(store: Store, times: Times): Promise<void> {
  for (const name of names) times[name].push(await measure(() => questions[name](store)));
}

/** Writes some files of the disk anew, where overlayfs would have put them. */
async function change(store: Store, from: number, tag: number, count = changedFiles): Promise<void> {
  await attached(store, disk, async ({ mount }) => {
    if (mount.driver !== "overlay") throw new Error("an overlay disk was asked for");
    for (let n = from; n < from + count; n += 1)
      await writeFile(join(mount.upper, `file-${n}`), `${tag} ${n} `.repeat(100));
  });
}

/** What questions about the space of a store with many snapshots cost, asked as programs do: again and again, after changes, and first of all. */
export async function markAccounting(directory: string, options: AccountingOptions): Promise<Marks> {
  const { snapshots, files, runs, onStep } = options;
  const path = join(directory, "accounting");
  const again = noTimes();
  const afterSnapshot = noTimes();
  const afterDeletion = noTimes();
  const inNewProcess = noTimes();
  {
    await using store = await openStore(path, { create: true });
    await store.disks.create({ id: disk });
    for (let taken = 0; taken < snapshots; taken += 1) {
      await change(store, (taken * 37) % files, taken, taken === 0 ? files : changedFiles);
      await store.disks.snapshot(disk, { name: `at-${taken}` });
      if (taken % 250 === 249) onStep(`disks: ${taken + 1} of ${snapshots} snapshots`);
    }
    // What was never counted is counted now.
    await ask(store, noTimes());
    for (let run = 0; run < runs; run += 1) {
      await new Promise((resolve) => setTimeout(resolve, settledMs));
      await ask(store, again);
      await change(store, (run * 53) % files, snapshots + run);
      await store.disks.snapshot(disk, { name: `new-${run}` });
      await ask(store, afterSnapshot);
      await store.disks.deleteSnapshot(disk, `at-${Math.floor(snapshots / 2) - run}`);
      await ask(store, afterDeletion);
    }
  }
  for (let run = 0; run < runs; run += 1) {
    // Another engine, in a thread of its own, knows nothing but what was kept.
    await using store = await openStore(path);
    await store.disks.list();
    await ask(store, inNewProcess);
  }
  const marks = (when: string, times: Times, goal: number | null): Mark[] =>
    names.map((name) => ({
      name: `library: ${name} with ${snapshots} snapshots, ${when}`,
      measured: distribution(times[name]),
      goalMs: goal,
      ...(goal === null ? {} : { limitedBy: limitedBy[name] }),
    }));
  return {
    marks: [
      ...marks("asked again", again, goalMs),
      ...marks("after a snapshot", afterSnapshot, goalMs),
      ...marks("after a deletion", afterDeletion, goalMs),
      ...marks("in a new engine", inNewProcess, null),
    ],
    goals: [],
    notes: [],
  };
}
