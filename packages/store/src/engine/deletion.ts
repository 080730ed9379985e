/** What follows every deletion. */
import { collect } from "../maintenance/collect.js";
import { isDamage } from "../maintenance/check/findings.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import { Work } from "../snapshot/work.js";
import type { Hooks } from "./hooks.js";

export function deleteSnapshot(
  repository: Repository,
  hooks: Hooks,
  scope: RefScope,
  snapshot: string,
): { freedBytes: number } {
  const found = repository.getSnapshot(scope, snapshot);
  const freedBytes = repository.removeSnapshot(found);
  return { freedBytes: freedBytes + collectLeft(repository, hooks) };
}

/**
 * Frees what nothing needs any more, as far as whole frames go, and returns its bytes. The deletion before is done: that damage
 * elsewhere hides what is needed keeps everything, and is no failure of it.
 */
export function collectLeft(repository: Repository, hooks: Hooks): number {
  try {
    return collect(repository, new Work("collect", hooks), { thin: false }).freedBytes;
  } catch (error) {
    if (isDamage(error)) return 0;
    throw error;
  }
}
