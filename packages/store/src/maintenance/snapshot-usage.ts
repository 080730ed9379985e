/** What each snapshot takes on the disk: what it reaches, and what its deletion, with the collection that follows, frees. */
import type { SnapshotUsage } from "../api.js";
import type { PackId, TreeId } from "../ids.js";
import { readLeases } from "../snapshot/lease.js";
import type { KnownSnapshot } from "../snapshot/known-snapshots.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { Alone } from "./alone.js";
import { Census } from "./census.js";
import { FramedPacks } from "./framed-packs.js";
import { FreedAlone } from "./freed-alone.js";
import { SnapshotFigures } from "./snapshot-figures.js";

interface Known {
  snapshots: KnownSnapshot[];
  /** That of no other snapshot, so that its end is that of the tree. */
  isAlone: (snapshot: KnownSnapshot) => boolean;
  /** All trees that are needed, and packs that are being written. */
  trees: ReadonlySet<TreeId>;
  leased: ReadonlySet<PackId>;
}

/** Of one scope, newest first. To be asked while nothing is collected. */
export function snapshotUsages(repository: Repository, scope: RefScope, work: Work): SnapshotUsage[] {
  const census = Census.of(repository);
  const known = knownOf(repository, census);
  const figures = keptFigures(census, known, work) ?? new SnapshotFigures();
  const snapshots = known.snapshots.filter(({ diskId }) => diskId === scope);
  complete(repository, figures, { ...known, snapshots }, work);
  census.keepWhenMuch();
  return snapshots.reverse().map((one): SnapshotUsage => {
    const ownBytes = census.filesBytes(one);
    const exclusiveBytes = ownBytes + (known.isAlone(one) ? (figures.freedBytes(one.tree) ?? 0) : 0);
    // Deleting it may tip a pack over to where it is worth being rewritten, and then frees what was dead in it before, too.
    const referencedBytes = Math.max(ownBytes + (figures.aloneBytes(one.tree) ?? 0), exclusiveBytes);
    const { refFile: _, ...snapshot } = one;
    return { snapshot, referencedBytes, exclusiveBytes, sharedBytes: referencedBytes - exclusiveBytes };
  });
}

/** For an audit: of how many snapshots the figures that are kept are not those that come of counting anew. */
export function wrongFigures(repository: Repository, work: Work): number {
  const census = Census.of(repository);
  const known = knownOf(repository, census);
  const kept = keptFigures(census, known, work);
  if (kept === null) return 0;
  const right = new SnapshotFigures();
  const isKnown = ({ tree }: KnownSnapshot): boolean =>
    kept.aloneBytes(tree) !== null || kept.freedBytes(tree) !== null;
  const snapshots = known.snapshots.filter(isKnown);
  complete(repository, right, { ...known, snapshots }, work);
  return snapshots.filter(
    (one) =>
      kept.aloneBytes(one.tree) !== right.aloneBytes(one.tree) ||
      (known.isAlone(one) && ![null, right.freedBytes(one.tree)].includes(kept.freedBytes(one.tree))),
  ).length;
}

function knownOf({ files, layout }: Repository, census: Census): Known {
  const snapshots = census.snapshots();
  const { trees, packs: leased } = readLeases(files, layout, { sweep: false });
  const sharers = new Map<TreeId, number>();
  for (const { tree } of snapshots) {
    trees.add(tree);
    sharers.set(tree, (sharers.get(tree) ?? 0) + 1);
  }
  return { snapshots, isAlone: ({ tree }) => sharers.get(tree) === 1, trees, leased };
}

/** Null when nothing holds for the next time: what stands in packs that are still being written is not counted yet. */
function keptFigures(census: Census, { trees, leased }: Known, work: Work): SnapshotFigures | null {
  const figures = census.figures(trees, work);
  if (figures === null || leased.size > 0) return null;
  figures.forgetOthers(trees);
  return figures;
}

/** Finds what is not known of the snapshots. */
function complete(repository: Repository, figures: SnapshotFigures, of: Known, work: Work): void {
  const lacksAlone = ({ tree }: KnownSnapshot): boolean => figures.aloneBytes(tree) === null;
  const lacksFreed = (one: KnownSnapshot): boolean =>
    of.isAlone(one) && figures.freedBytes(one.tree) === null;
  const lacking = of.snapshots.filter((one) => lacksAlone(one) || lacksFreed(one));
  if (lacking.length === 0) return;
  const step = (): void => work.step();
  const packs = new FramedPacks(repository, of.leased);
  const references = Census.of(repository).references(of.trees, work);
  const freed = new FreedAlone(repository, references, packs);
  const walk = (figures.walk ??= new Alone(repository, packs));
  for (const one of lacking) {
    const { tree } = one;
    if (lacksAlone(one)) figures.setAlone(tree, walk.packBytes(tree, packs, step));
    if (lacksFreed(one)) figures.setFreed(tree, freed.of(tree, step));
  }
}
