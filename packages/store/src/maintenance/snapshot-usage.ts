/** What each snapshot takes on the disk: what it reaches, and what its deletion, with the collection that follows, frees. */
import type { SnapshotInfo, SnapshotUsage } from "../api.js";
import { digestKey } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { Alone } from "./alone.js";
import { KnownAlone } from "./known-alone.js";
import { countNeeded } from "./needed.js";
import { allocatedBytesOf, framesOf, packStates, type Needs, type PackState } from "./packs.js";
import { freedBytesOf, planCollection } from "./plan.js";
import type { References } from "./references.js";

/** Of one scope, newest first. To be asked while nothing is collected. */
export function snapshotUsages(repository: Repository, scope: RefScope, work: Work): SnapshotUsage[] {
  const { needed, references } = countNeeded(repository, work);
  const claims = references.claims();
  const states = packStates(repository, references, needed.packs, claims);
  const sharers = new Map<TreeId, number>();
  for (const { tree } of repository.allSnapshots()) sharers.set(tree, (sharers.get(tree) ?? 0) + 1);
  const { index } = repository.chunks;
  // What stands in packs that are still being written is not counted yet.
  const areExact = needed.packs.size === 0 && !claims.metAgain && !index.hasSharedObjects();
  const alone = new Alone(repository, states, work);
  const known = KnownAlone.of(repository);
  const snapshots = repository.listSnapshots(scope);
  const trees = snapshots.map(({ tree }) => tree);
  const aloneBytes = known.ask(trees, { packs: index.presentPacks(), areExact }, (tree) =>
    alone.packBytes(tree),
  );
  known.forgetOthers(sharers);
  return snapshots.map((snapshot) => {
    const isAlone = sharers.get(snapshot.tree) === 1;
    const ownBytes = repository.snapshotFilesBytes(snapshot);
    const exclusiveBytes =
      ownBytes + (isAlone ? freedFromPacks(repository, references, states, snapshot, work) : 0);
    // Deleting it may tip a pack over to where it is worth being rewritten, and then frees what was dead in it before, too.
    const referencedBytes = Math.max(ownBytes + (aloneBytes.get(snapshot.tree) ?? 0), exclusiveBytes);
    return { snapshot, referencedBytes, exclusiveBytes, sharedBytes: referencedBytes - exclusiveBytes };
  });
}

/** What the plan of a collection frees more without the snapshot than with it. */
function freedFromPacks(
  repository: Repository,
  references: References,
  states: PackState[],
  { tree }: SnapshotInfo,
  work: Work,
): number {
  const freed = references.freedWithout(repository.chunks, [tree], () => work.step());
  const lost = new Map<PackId, { objects: number; plainBytes: number }>();
  for (const id of freed) {
    const location = repository.chunks.index.find(id);
    if (location === null) continue;
    const of = lost.get(location.pack) ?? { objects: 0, plainBytes: 0 };
    lost.set(location.pack, { objects: of.objects + 1, plainBytes: of.plainBytes + location.length });
  }
  const concerned = states.filter(({ pack }) => lost.has(pack.id));
  const without = concerned.map((state): PackState => {
    const { objects, plainBytes } = lost.get(state.pack.id) ?? { objects: 0, plainBytes: 0 };
    return {
      ...state,
      neededObjects: state.neededObjects - objects,
      neededPlainBytes: state.neededPlainBytes - plainBytes,
    };
  });
  const keys = new Set(freed.map(digestKey));
  const needs: Needs = { needs: (id) => !keys.has(digestKey(id)) && references.needs(id) };
  return plannedBytes(repository, without, needs) - plannedBytes(repository, concerned, references);
}

function plannedBytes(repository: Repository, states: PackState[], needs: Needs): number {
  const options = { thin: false };
  const plan = planCollection(states, (state) => framesOf(repository, needs, state), options);
  return freedBytesOf(plan, ({ pack }) => allocatedBytesOf(repository, pack.id), options);
}
