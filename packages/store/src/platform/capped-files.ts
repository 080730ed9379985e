/**
 * Writes that end where a cap does. A write that would go beyond fails before it reaches the kernel, in the way that a full
 * disk does, and what holds for that holds here: whoever writes leaves everything as it was.
 */
import { StoreError } from "../errors.js";
import type { Taken } from "./allocated.js";
import type { Files } from "./files.js";

/** What is charged for a directory, and the unit in which files grow: a block of ext4, XFS and btrfs. */
const blockBytes = 4096;

/** How much may still be written. */
export interface Room {
  /** Takes bytes away from what is left. Code `quota_exceeded` when they are more, and then none are taken. */
  take(bytes: number): void;
}

/** Charges what makes files and directories grow; what frees space, and what only names it, is never refused. */
export function cappedFiles(files: Files, room: Room): Files {
  return {
    ...files,
    write: (fd, buffer, position) => {
      room.take(blocks(position + buffer.length) - blocks(position));
      files.write(fd, buffer, position);
    },
    makeDirectory: (directory, name, mode) => {
      room.take(blockBytes);
      files.makeDirectory(directory, name, mode);
    },
    shareContent: (from, to) => {
      // Blocks that files share count for each of them.
      room.take(files.statOpen(from).allocatedBytes);
      return files.shareContent(from, to);
    },
  };
}

/** Bytes of the blocks that a file of this size takes. */
function blocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

const named: Record<CapUnit, (used: number, cap: number, needed: number) => Record<string, number>> = {
  bytes: (usedBytes, capBytes, neededBytes) => ({ usedBytes, capBytes, neededBytes }),
  inodes: (usedInodes, capInodes, neededInodes) => ({ usedInodes, capInodes, neededInodes }),
};

/** What a cap may be on. */
export type CapUnit = keyof Taken;

/**
 * `disk`: whose cap it is; null for that of the store. `EDQUOT`, the kernel's own word for it, lets work that can be left undone treat
 * both alike.
 */
export function quotaExceeded(
  figures: { unit: CapUnit; used: number; cap: number; needed: number },
  disk: string | null = null,
): StoreError {
  const { unit, used, cap, needed } = figures;
  const what = disk === null ? "the store" : `disk ${JSON.stringify(disk)}`;
  return new StoreError(
    "quota_exceeded",
    `${what} holds ${used} of at most ${cap} ${unit}, and ${needed} more are needed`,
    { data: { ...named[unit](used, cap, needed), disk, errno: "EDQUOT" } },
  );
}
