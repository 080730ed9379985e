import { StoreError } from "../../src/errors.js";
import { stateWords, type Files } from "../../src/platform/files.js";

/** Asks through `stat`, for files that are not the kernel's own. */
export function stateCheckBy({ stat, statOpen }: Pick<Files, "stat" | "statOpen">): Files["stateCheck"] {
  return (names) => (directory, nameStart, words, at) => {
    if (!(nameStart < names.length)) return false;
    try {
      const name = names.subarray(nameStart, names.indexOf(0, nameStart));
      const found = name.length === 0 ? statOpen(directory) : stat(directory, name);
      return stateWords(found).every((word, n) => words[at + n] === word);
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  };
}
