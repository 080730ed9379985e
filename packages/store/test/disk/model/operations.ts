/** What processes do to files, as plain data, so that the same can be done in two places. */
import type { Random } from "../../random.js";

export type Operation =
  | { kind: "mkdir" | "rmdir" | "remove" | "unlink" | "fifo" | "socket" | "whiteout"; path: string }
  /** `create` makes a new file; the others need one. `touch` opens it for writing and writes nothing. */
  | { kind: "create" | "overwrite" | "append" | "truncate" | "touch"; path: string; bytes: number }
  | { kind: "link" | "symlink" | "rename" | "copy"; path: string; to: string }
  | { kind: "mode"; path: string; mode: number }
  | { kind: "setXattr" | "removeXattr"; path: string; attribute: string };

/** An operation with what it needs to do the same wherever it is done: content and times follow from the number. */
export type NumberedOperation = Operation & { number: number };

const names = ["a", "b", "c", "d d", "é"];
/** An empty file, one chunk, several chunks; and lengths in between. */
const sizes = [0, 10, 5000, 70_000, 300_000];
/** The last three look like marks of overlayfs, which escapes them. */
const attributes = [
  "user.a",
  "user.b",
  "user.overlay.opaque",
  "user.overlay.whiteout",
  "user.overlay.overlay.opaque",
];

/** `modes`: those that leave the disk readable for whoever snapshots it. */
export function randomOperation(random: Random, modes: readonly number[]): Operation {
  const path = Array.from({ length: 1 + random.below(3) }, () => random.pick(names)).join("/");
  const to = Array.from({ length: 1 + random.below(3) }, () => random.pick(names)).join("/");
  const bytes = random.pick(sizes);
  const attribute = random.pick(attributes);
  const kinds: (() => Operation)[] = [
    ...Array.from({ length: 4 }, () => (): Operation => ({ kind: "mkdir", path })),
    ...Array.from({ length: 5 }, () => (): Operation => ({ kind: "create", path, bytes })),
    () => ({ kind: "overwrite", path, bytes }),
    () => ({ kind: "append", path, bytes }),
    () => ({ kind: "truncate", path, bytes }),
    () => ({ kind: "touch", path, bytes: 0 }),
    () => ({ kind: "unlink", path }),
    () => ({ kind: "rmdir", path }),
    () => ({ kind: "remove", path }),
    () => ({ kind: "link", path, to }),
    () => ({ kind: "link", path, to }),
    () => ({ kind: "symlink", path, to: random.pick(names) }),
    () => ({ kind: "rename", path, to }),
    () => ({ kind: "rename", path, to }),
    () => ({ kind: "copy", path, to }),
    () => ({ kind: "fifo", path }),
    () => ({ kind: "socket", path }),
    () => ({ kind: "whiteout", path }),
    () => ({ kind: "mode", path: random.chance(0.1) ? "." : path, mode: random.pick(modes) }),
    () => ({ kind: "setXattr", path, attribute }),
    () => ({ kind: "setXattr", path, attribute }),
    () => ({ kind: "removeXattr", path, attribute }),
  ];
  return random.pick(kinds)();
}
