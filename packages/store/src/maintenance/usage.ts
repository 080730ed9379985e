/** Where the bytes of a store are. The categories add up to what `du -s -B1` says of its directory, at rest. */
import type { SnapshotInfo, StoreUsage } from "../api.js";
import type { PackId, TreeId } from "../ids.js";
import type { KnownSnapshot } from "../snapshot/known-snapshots.js";
import type { Work } from "../snapshot/work.js";
import type { Repository } from "../snapshot/repository.js";
import type { DiskSet } from "../disk/disks.js";
import { anywhere } from "../platform/files.js";
import { readLeases } from "../snapshot/lease.js";
import { allocatedUnder } from "../platform/allocated.js";
import { isDamage } from "./check/findings.js";
import { countAnew, keptReferencesOf } from "./kept-references.js";
import type { References } from "./references.js";
import { Census } from "./census.js";
import { PackCounts, type PackCount } from "./pack-counts.js";
import { wrongFigures } from "./snapshot-usage.js";
import { measureStore } from "./store-bytes.js";

export function measureUsage(
  repository: Repository,
  disks: DiskSet,
  work: Work,
  { audit }: { audit: boolean },
): StoreUsage {
  const census = Census.of(repository);
  const snapshots = census.snapshots();
  const { trees } = readLeases(repository.files, repository.layout, { sweep: false });
  for (const { tree } of snapshots) trees.add(tree);
  const deadBytes = deadBytesOf(census, trees, work);
  // Before anything is measured, because what is kept takes space itself.
  census.keepWhenMuch();
  const { packBytes, ...bytes } = measureStore(repository, disks);
  const directoryBytes = repository.files.stat(anywhere, repository.layout.packs).allocatedBytes;
  const differences = audit ? auditedDifferences(repository, census, trees, work, bytes.onDiskBytes) : [];
  return {
    onDiskBytes: bytes.onDiskBytes,
    chunkBytes: packBytes - directoryBytes - deadBytes,
    deadBytes,
    layerBytes: bytes.layerBytes,
    diskBytes: bytes.diskBytes,
    overheadBytes: bytes.overheadBytes + directoryBytes,
    logicalBytes: snapshots.reduce((total, { logicalBytes }) => total + logicalBytes, 0),
    snapshots: snapshots.length,
    audit: audit ? { differences } : null,
  };
}

/** 0 while damage hides what is needed. */
function deadBytesOf(census: Census, trees: ReadonlySet<TreeId>, work: Work): number {
  let deadBytes = 0;
  try {
    for (const [id, { plainBytes, neededPlainBytes }] of census.packCounts(trees, work)) {
      if (neededPlainBytes === plainBytes) continue;
      const share = 1 - neededPlainBytes / Math.max(1, plainBytes);
      deadBytes += Math.floor(census.packBytes(id) * share);
    }
    return deadBytes;
  } catch (error) {
    if (isDamage(error)) return 0;
    throw error;
  }
}

/** Counts everything again, by other ways than before. What was wrong is made anew. */
function auditedDifferences(
  repository: Repository,
  census: Census,
  trees: ReadonlySet<TreeId>,
  work: Work,
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
    Census.forget(repository);
  }
  const snapshots = repository.allSnapshots();
  if (!isSameSet(snapshots, census.snapshots())) {
    found.push("the snapshots that were remembered are not those that the refs name; they are read anew now");
    Census.forget(repository);
  }
  try {
    const right = countAnew(repository, trees, work);
    const areRight = (counted: References): boolean => counted.encode().equals(right.encode());
    // Those in memory, and those that the next process would begin with.
    const kept = keptReferencesOf(repository, trees, work);
    const areWrong = !areRight(census.references(trees, work)) || (kept !== null && !areRight(kept));
    if (areWrong) found.push("the counts of references were wrong; they are made anew now");
    const { counts, areExact } = PackCounts.ofAll(repository, right);
    const wrong = packsThatDiffer(counts.packs, census.packCounts(trees, work));
    if (wrong > 0 && areExact && !areWrong)
      found.push(`what is needed of ${wrong} packs was counted wrong; it is counted anew now`);
    const wrongSnapshots = areWrong || wrong > 0 ? 0 : wrongFigures(repository, work);
    if (wrongSnapshots > 0)
      found.push(`what ${wrongSnapshots} snapshots take was counted wrong; it is counted anew now`);
    if (areWrong || wrong > 0 || wrongSnapshots > 0) Census.forget(repository, right);
  } catch (error) {
    if (!isDamage(error)) throw error;
    found.push("a snapshot is damaged, so nothing tells what is needed: see fsck");
  }
  return found;
}

function isSameSet(found: SnapshotInfo[], known: KnownSnapshot[]): boolean {
  const ids = new Map(found.map(({ id, logicalBytes, tree }) => [id, `${logicalBytes}/${tree}`]));
  return (
    known.length === ids.size &&
    known.every(({ id, logicalBytes, tree }) => ids.get(id) === `${logicalBytes}/${tree}`)
  );
}

function packsThatDiffer(
  right: ReadonlyMap<PackId, PackCount>,
  counted: ReadonlyMap<PackId, PackCount>,
): number {
  const ids = new Set([...right.keys(), ...counted.keys()]);
  return [...ids].filter((id) => {
    const [a, b] = [right.get(id), counted.get(id)];
    return a?.plainBytes !== b?.plainBytes || a?.neededPlainBytes !== b?.neededPlainBytes;
  }).length;
}
