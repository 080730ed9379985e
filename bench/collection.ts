import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { allocatedBytes, filesOf, installed, verifyEqual } from "./compare.js";
import type { Contender } from "./contender.js";
import { changeFiles } from "./workloads/node-modules.js";

export interface CollectionOptions {
  /** The tree to keep. It is changed between snapshots. */
  source: string;
  directory: string;
  scratch?: string;
  snapshots: number;
  /** Of each of the ten files that are new in each snapshot. */
  fileBytes: number;
  seed: number;
  onStep?: (text: string) => void;
}

export interface CollectionRow {
  contender: string;
  version: string;
  snapshots: number;
  /** Plain bytes that only the removed snapshot had. */
  deadBytes: number;
  durationMs: number;
  insideMs: number | null;
  /** What the repository takes before and after. */
  beforeBytes: number;
  afterBytes: number;
}

/** What it costs to give back the space of one snapshot of many, each of which has ten files that no other has. */
export async function compareCollection(
  contenders: readonly Contender[],
  options: CollectionOptions,
): Promise<CollectionRow[]> {
  const { source, directory, scratch = directory, snapshots, fileBytes, seed, onStep } = options;
  const paths = await filesOf(source);
  const rows: CollectionRow[] = [];
  for (const [contender, version] of await installed(contenders, onStep)) {
    const home = await mkdtemp(join(directory, "contender-"));
    const target = await mkdtemp(join(scratch, "restored-"));
    const repository = await contender.create(home);
    const { remove } = repository;
    if (remove !== undefined) {
      onStep?.(`${contender.name}: ${snapshots} snapshots, one to remove`);
      // The same files each time, so that what is in them is in one snapshot alone.
      for (let number = 0; number < snapshots; number += 1) {
        const changed = changeFiles(source, paths.slice(0, 10), 10, seed + number, fileBytes);
        if (changed.length === 0) throw new Error("there is no file to change");
        await repository.snapshot(source, `number-${number}`);
      }
      const beforeBytes = await allocatedBytes(home);
      const { durationMs, insideMs } = await remove(`number-${Math.floor(snapshots / 2)}`);
      const afterBytes = await allocatedBytes(home);
      await repository.restore(`number-${snapshots - 1}`, target);
      await verifyEqual(source, target, contender.fidelity);
      const deadBytes = Math.min(10, paths.length) * fileBytes;
      rows.push({
        contender: contender.name,
        version,
        snapshots,
        deadBytes,
        durationMs,
        insideMs,
        beforeBytes,
        afterBytes,
      });
    }
    for (const made of [home, target]) await rm(made, { recursive: true });
  }
  return rows;
}
