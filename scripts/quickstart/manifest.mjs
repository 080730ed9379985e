/**
 * Prints everything that must come back in a restore, computed inside the sandbox by the system's own tools: of every entry
 * its type, mode, size, time of change in nanoseconds, number of links, link target and inode group, then every file's SHA-256.
 */
export const manifestCommand = [
  "set -eu",
  "export LC_ALL=C",
  "cd /workspace",
  // Sizes of directories depend on their history, so they are left out.
  "find . -mindepth 1 ! -type d -printf '%p|%y|%m|%s|%T@|%n|%l\\n' | sort",
  "find . -mindepth 1 -type d -printf '%p|%y|%m|%T@\\n' | sort",
  // Which names are one and the same file: inode numbers may change, this grouping may not.
  "find . -type f -links +1 -printf '%i %p\\n' | sort | awk '$1 == last { print first \" = \" $2; next } { last = $1; first = $2 }'",
  "find . -type f -print0 | sort -z | xargs -0 sha256sum",
].join("\n");

/** The first line in which two manifests differ, for the error message; null when they are equal. */
export function firstDifference(before, after) {
  if (before === after) return null;
  const [left, right] = [before.split("\n"), after.split("\n")];
  const at = left.findIndex((line, index) => line !== right[index]);
  return `was ${JSON.stringify(left[at])}, is ${JSON.stringify(right[at])}`;
}
