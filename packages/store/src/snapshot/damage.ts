/** Entries of which something stored is damaged: each stays as it is, all others are dealt with, and then the whole fails. */
import type { Problem } from "../api.js";
import { StoreError, type StoreErrorCode } from "../errors.js";
import { pathOf, type Place } from "./place.js";
import type { Work } from "./work.js";

const codes: ReadonlySet<string> = new Set<StoreErrorCode>(["corrupt", "chunk_missing"]);
const shownMax = 5;

export class Damage {
  /** Entries so far. */
  count = 0;
  readonly #work: Work;

  constructor(work: Work) {
    this.#work = work;
  }

  /** Runs for the entry at `place`. Null where something stored turned out to be damaged, which is a problem of this entry then. */
  attempt<Result>(place: Place, run: () => Result): Result | null {
    try {
      return run();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.count += 1;
      this.#work.problem(pathOf(place), error.code, error.message);
      return null;
    }
  }

  /** To be called at the end. Throws when anything is damaged; `data.problems` has all problems of the work. */
  failIfAny(): void {
    if (this.count === 0) return;
    const problems = this.#work.allProblems();
    const found = problems.filter(({ code }) => codes.has(code));
    const message = `damaged in the store and not restored, as all else was: ${shown(found, this.count)}`;
    const code = found[0]?.code as StoreErrorCode | undefined;
    throw new StoreError(code ?? "corrupt", message, { data: { problems } });
  }
}

export function isDamage(error: unknown): error is StoreError {
  return error instanceof StoreError && codes.has(error.code);
}

function shown(found: Problem[], count: number): string {
  const lines = found
    .slice(0, shownMax)
    .map(({ path, message }) => `${Buffer.from(path).toString("utf8")} (${message})`);
  const more = count - lines.length;
  return more > 0 ? `${lines.join(", ")} and ${more} more` : lines.join(", ");
}
