/**
 * Which bytes of a device several owners use, each byte counted once: what reflinks and subvolume snapshots make common takes no
 * room twice, whatever `st_blocks` says of each file.
 */
import type { Extent } from "./extents.js";

interface Range {
  startBytes: number;
  endBytes: number;
  owner: number;
  /** Somebody else uses it, too; who, the filesystem does not say. */
  isShared: boolean;
}

export interface OwnedBytes {
  /** That it uses, alone or with others. */
  referencedBytes: number;
  /** That nobody else is known to use. */
  exclusiveBytes: number;
}

export class DeviceRanges {
  readonly #ranges: Range[] = [];

  /** `owner`: a small number. */
  add(owner: number, { startBytes, lengthBytes, isShared }: Extent): void {
    this.#ranges.push({ startBytes, endBytes: startBytes + lengthBytes, owner, isShared });
  }

  /** Of all owners, from 0 on, and of all of them together. */
  count(owners: number): { totalBytes: number; owned: OwnedBytes[] } {
    const owned = Array.from({ length: owners }, () => ({ referencedBytes: 0, exclusiveBytes: 0 }));
    let totalBytes = 0;
    const ends = [...this.#ranges].sort((a, b) => a.endBytes - b.endBytes);
    const starts = this.#ranges.sort((a, b) => a.startBytes - b.startBytes);
    // How often each owner uses the bytes at the present place, and how many of the ranges there are said to be shared.
    const users = new Map<number, number>();
    let [at, begun, ended, uses, shared] = [0, 0, 0, 0, 0];
    while (ended < ends.length) {
      const next = Math.min(starts[begun]?.startBytes ?? Infinity, (ends[ended] as Range).endBytes);
      const bytes = next - at;
      if (users.size > 0 && bytes > 0) {
        totalBytes += bytes;
        // Used once here and yet shared: by somebody outside.
        const isAlone = users.size === 1 && !(uses === 1 && shared > 0);
        for (const owner of users.keys()) {
          const of = owned[owner] as OwnedBytes;
          of.referencedBytes += bytes;
          if (isAlone) of.exclusiveBytes += bytes;
        }
      }
      at = next;
      for (let range = starts[begun]; range?.startBytes === at; range = starts[++begun]) {
        users.set(range.owner, (users.get(range.owner) ?? 0) + 1);
        uses += 1;
        if (range.isShared) shared += 1;
      }
      for (let range = ends[ended]; range?.endBytes === at; range = ends[++ended]) {
        const left = (users.get(range.owner) as number) - 1;
        if (left === 0) users.delete(range.owner);
        else users.set(range.owner, left);
        uses -= 1;
        if (range.isShared) shared -= 1;
      }
    }
    return { totalBytes, owned };
  }
}
