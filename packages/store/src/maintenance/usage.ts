/** Where the bytes of a store are. The categories add up to what `du -s -B1` says of its directory, at rest. */
import type { StoreUsage } from "../api.js";
import type { Work } from "../snapshot/work.js";
import type { Repository } from "../snapshot/repository.js";
import type { DiskSet } from "../disk/disks.js";
import { anywhere } from "../platform/files.js";
import { stampOf } from "../platform/stamp.js";
import { readLeases } from "../snapshot/lease.js";
import { allocatedUnder } from "../platform/allocated.js";
import { isDamage } from "./check/findings.js";
import { countsInsteadOf } from "./check/references.js";
import { countNeeded, keepReferences } from "./needed.js";
import { measureStore } from "./store-bytes.js";
import { allocatedBytesOf, packStates } from "./packs.js";
import type { References } from "./references.js";

/** What of the figures depends on snapshots and objects alone. */
interface Told {
  stamp: string;
  deadBytes: number;
  logicalBytes: number;
  snapshots: number;
}

/** As last told. It serves again while no snapshot and no object came or went, and nothing relies on objects beside snapshots. */
const lastTold = new WeakMap<Repository, Told>();

export function measureUsage(
  repository: Repository,
  disks: DiskSet,
  work: Work,
  { audit }: { audit: boolean },
): StoreUsage {
  const stamp = stampOfSnapshots(repository);
  const last = lastTold.get(repository);
  const isKnown = stamp !== null && last?.stamp === stamp;
  // Before anything is measured, because keeping them takes space itself.
  const references = isKnown && !audit ? null : referencesOrNull(repository, work);
  const told = isKnown && !audit ? last : { stamp: stamp ?? "", ...tell(repository, references) };
  // While damage hides what is needed, the next question may find it mended.
  if (stamp !== null && references !== null) lastTold.set(repository, told);
  const { deadBytes, logicalBytes, snapshots } = told;
  const { packBytes, ...bytes } = measureStore(repository, disks);
  const directoryBytes = repository.files.stat(anywhere, repository.layout.packs).allocatedBytes;
  return {
    onDiskBytes: bytes.onDiskBytes,
    chunkBytes: packBytes - directoryBytes - deadBytes,
    deadBytes,
    layerBytes: bytes.layerBytes,
    diskBytes: bytes.diskBytes,
    overheadBytes: bytes.overheadBytes + directoryBytes,
    logicalBytes,
    snapshots,
    audit: audit ? { differences: differences(repository, work, references, bytes.onDiskBytes) } : null,
  };
}

function tell(repository: Repository, references: References | null): Omit<Told, "stamp"> {
  let deadBytes = 0;
  for (const state of references === null ? [] : packStates(repository, references)) {
    if (state.neededPlainBytes === state.plainBytes) continue;
    const share = 1 - state.neededPlainBytes / Math.max(1, state.plainBytes);
    deadBytes += Math.floor(allocatedBytesOf(repository, state.pack.id) * share);
  }
  const snapshots = repository.allSnapshots();
  const logicalBytes = snapshots.reduce((total, snapshot) => total + snapshot.logicalBytes, 0);
  return { deadBytes, logicalBytes, snapshots: snapshots.length };
}

/** Null while there are leases, or something changed a moment ago. */
function stampOfSnapshots({ files, layout, refs }: Repository): string | null {
  const { trees, packs, writers } = readLeases(files, layout, { sweep: false });
  if (trees.size > 0 || packs.size > 0 || writers > 0) return null;
  const diskScopes = refs.scopes().filter((scope) => scope !== null);
  const paths = [
    ...[layout.packs, layout.index, layout.records, `${layout.refs}/snapshots`, `${layout.refs}/disks`],
    ...diskScopes.map((scope) => `${layout.refs}/disks/${scope}`),
  ];
  const stamps = paths.map((path) => stampOf(files, path));
  return stamps.includes(null) ? null : stamps.join(" ");
}

/** Counts everything again, by other ways than before. */
function differences(
  repository: Repository,
  work: Work,
  references: References | null,
  measuredBytes: number,
): string[] {
  const found: string[] = [];
  const { files, layout } = repository;
  const walkedBytes = allocatedUnder(files, layout.root);
  if (walkedBytes !== measuredBytes) {
    found.push(
      `the categories add up to ${measuredBytes} bytes, a walk of the store finds ${walkedBytes}; everything is walked the next time`,
    );
    repository.regions.forget();
  }
  if (references === null)
    return [...found, "a snapshot is damaged, so nothing tells what is needed: see fsck"];
  const right = countsInsteadOf(references, repository, work);
  if (right !== null) {
    found.push("the counts of references were wrong; they are made anew now");
    keepReferences(repository, right);
  }
  return found;
}

/** Null while damage hides what is needed. */
function referencesOrNull(repository: Repository, work: Work): References | null {
  try {
    return countNeeded(repository, work).references;
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}
