import { StoreError } from "../../src/errors.js";
import { stateWords, type Files } from "../../src/platform/files.js";

/** Asks through `stat`, for files that are not the kernel's own. */
export function stateCheckBy(stat: Files["stat"]): Files["stateCheck"] {
  return (names) => (directory, nameStart, words, at) => {
    try {
      const found = stat(directory, names.subarray(nameStart, names.indexOf(0, nameStart)));
      return stateWords(found).every((word, n) => words[at + n] === word);
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  };
}
