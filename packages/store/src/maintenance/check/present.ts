/** Which objects can be read, and how long they are. */
import { DigestLengths } from "../../chunk/digest-lengths.js";
import type { Digest } from "../../chunk/hash.js";
import type { Repository } from "../../snapshot/repository.js";
import { readContents } from "../packs.js";
import type { PackSurvey } from "./packs.js";

export interface PresentObjects {
  /** Bytes of an object; null for one that cannot be read. */
  get(id: Digest): number | null;
}

/** Where packs and index are sound, the index says the same as they do, and its rows need not be in memory twice. */
export function presentObjects(
  repository: Repository,
  survey: PackSurvey,
  { indexIsWrong }: { indexIsWrong: boolean },
): PresentObjects {
  if (indexIsWrong || survey.damaged.size > 0) return objectsInPacks(repository, survey);
  // Packs that came while others were checked.
  repository.chunks.reload();
  const { index } = repository.chunks;
  return { get: (id) => index.find(id)?.length ?? null };
}

function objectsInPacks(repository: Repository, { packs, damaged }: PackSurvey): DigestLengths {
  const present = new DigestLengths();
  for (const pack of packs) {
    const lost = damaged.get(pack);
    if (lost === null) continue;
    for (const { id, length } of readContents(repository, pack).chunks) {
      if (lost?.has(id) !== true) present.set(id, length);
    }
  }
  return present;
}
