/** Checks the counts that a collection relies on: what it would take over from the last one, against a count of all trees. */
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";
import { countAnew, keptReferencesOf } from "../kept-references.js";
import { whatIsNeeded } from "../needed.js";
import type { References } from "../references.js";
import { isDamage, type Findings } from "./findings.js";

/** Returns the right counts where those that are kept are wrong. */
export function checkReferences(repository: Repository, work: Work, findings: Findings): References | null {
  try {
    const kept = keptReferencesOf(repository, whatIsNeeded(repository).trees, work);
    const right = kept === null ? null : countsInsteadOf(kept, repository, work);
    if (right !== null) {
      findings.add("references_wrong", "cache/references", "counts other references than the trees have");
    }
    return right;
  } catch (error) {
    // What is missing is found where it is missing, and then nothing is collected.
    if (isDamage(error)) return null;
    throw error;
  }
}

/** Null when the counts are right. */
function countsInsteadOf(counts: References, repository: Repository, work: Work): References | null {
  const counted = countAnew(repository, counts.trees, work);
  return counted.encode().equals(counts.encode()) ? null : counted;
}
