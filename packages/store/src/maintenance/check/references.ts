/** Checks the counts that a collection relies on: what it would take over from the last one. */
import type { TreeId } from "../../ids.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";
import { countAnew, keptReferencesOf } from "../kept-references.js";
import { whatIsNeeded } from "../needed.js";
import type { References } from "../references.js";
import { isDamage, type Findings } from "./findings.js";

/** Returns the right counts where those that are kept are wrong. */
export function checkReferences(repository: Repository, work: Work, findings: Findings): References | null {
  try {
    const { trees } = whatIsNeeded(repository);
    if (areRight(repository, trees, work)) return null;
    const right = countAnew(repository, trees, work);
    findings.add("references_wrong", "cache/references", "counts other references than the trees have");
    return right;
  } catch (error) {
    // What is missing is found where it is missing, and then nothing is collected.
    if (isDamage(error)) return null;
    throw error;
  }
}

/**
 * Takes all trees away from the counts: when nothing is left of them, and nothing was missing, they were those that counting anew
 * would give, which takes as much memory again. For what is followed on the way is then what was counted, all of it
 * can be reached from the trees, and each count was as high as there are names.
 */
function areRight(repository: Repository, trees: ReadonlySet<TreeId>, work: Work): boolean {
  const kept = keptReferencesOf(repository, trees, work);
  if (kept === null) return true;
  try {
    kept.advance(repository.chunks, new Set(), () => work.step());
    return kept.isEmpty;
  } catch (error) {
    // Too low a count, or a damaged tree: counting anew tells.
    if (isDamage(error)) return false;
    throw error;
  }
}
