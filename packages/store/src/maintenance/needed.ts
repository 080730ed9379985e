/** What is needed at present, and the counts of references that tell what is needed for its sake: where collection and accounting begin. */
import { readLeases, type Leased } from "../snapshot/lease.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { Census } from "./census.js";
import type { References } from "./references.js";

export interface Counted {
  needed: Leased;
  /** Counted for the trees of `needed`. */
  references: References;
}

/** The leases, and with their trees those of all snapshots. `sweep` is for who holds the exclusive lock of objects. */
export function whatIsNeeded(repository: Repository, { sweep } = { sweep: false }): Leased {
  const leased = readLeases(repository.files, repository.layout, { sweep });
  for (const { tree } of repository.allSnapshots()) leased.trees.add(tree);
  return leased;
}

/**
 * Brings the counts up to date, from those of before where these are of any use, and keeps them for the next time. Nothing may be
 * taken away meanwhile: to be called under the shared lock of objects, or by who collects.
 */
export function countNeeded(repository: Repository, work: Work): Counted {
  const needed = whatIsNeeded(repository);
  const census = Census.of(repository);
  const references = census.references(needed.trees, work);
  census.keepBeforeCollection();
  return { needed, references };
}
