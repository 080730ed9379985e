/** What is needed at present, and the counts of references that tell what is needed for its sake: where collection and accounting begin. */
import type { TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import { readCache, writeCache } from "../platform/durable.js";
import { readLeases, type Leased } from "../snapshot/lease.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { References } from "./references.js";

export interface Counted {
  needed: Leased;
  /** Counted for the trees of `needed`. */
  references: References;
}

const fileName = "references";

/** The leases, and with their trees those of all snapshots. `sweep` is for who holds the exclusive lock of objects. */
export function whatIsNeeded(repository: Repository, { sweep } = { sweep: false }): Leased {
  const leased = readLeases(repository.files, repository.layout, { sweep });
  for (const { tree } of repository.allSnapshots()) leased.trees.add(tree);
  return leased;
}

/**
 * Brings the counts up to date, from those kept where these are of any use. `keep`: keeps them for the next time. Nothing may be
 * taken away meanwhile: to be called under the shared lock of objects, or by who collects.
 */
export function countNeeded(repository: Repository, work: Work, { keep } = { keep: true }): Counted {
  const needed = whatIsNeeded(repository);
  const kept = advanced(repository, needed.trees, work);
  const references = kept?.references ?? countAnew(repository, needed.trees, work);
  if (keep && kept?.hasChanged !== false) keepReferences(repository, references);
  return { needed, references };
}

/** The kept counts, and whether they had to change. Null when they are of no use. */
function advanced(
  { files, layout, chunks }: Repository,
  wanted: ReadonlySet<TreeId>,
  work: Work,
): { references: References; hasChanged: boolean } | null {
  const bytes = readCache(files, layout.cache, fileName);
  const references = bytes === null ? null : References.decode(bytes);
  if (references === null) return null;
  try {
    return { references, hasChanged: references.advance(chunks, wanted, () => work.step()) };
  } catch (error) {
    // A tree that went may be collected already, by somebody who could not keep what he counted.
    if (error instanceof StoreError && ["chunk_missing", "corrupt"].includes(error.code)) return null;
    throw error;
  }
}

export function countAnew({ chunks }: Repository, wanted: ReadonlySet<TreeId>, work: Work): References {
  const references = new References();
  references.advance(chunks, wanted, () => work.step());
  return references;
}

/** Keeps the counts for the next time; not being able to costs time then, and is no reason to fail. */
export function keepReferences({ files, layout }: Repository, references: References): void {
  writeCache(files, layout.cache, fileName, references.encode());
}
