/**
 * What an operation relies on while it runs, told to collection in every process: the trees that it reads, and the packs
 * that it has written and no snapshot names yet. A lease is a file in `locks/` that its holder keeps locked, so it ends with
 * its holder; whoever collects removes what is left of it. Leases are taken under the shared lock of objects and looked at
 * under the exclusive one, so a collection sees each one that was taken before it.
 */
import { isContentId, type PackId, type TreeId } from "../ids.js";
import type { Layout } from "../layout.js";
import { leaseBytesMax } from "../limits.js";
import { namesIn, openIfPresent, readWhole, removeIfPresent, temporaryName } from "../platform/durable.js";
import { anywhere, type Fd, type Files } from "../platform/files.js";

/** A writer also has files under unfinished names. */
export type LeaseKind = "reader" | "writer";

const prefix = "lease-";

export class Lease {
  readonly #files: Files;
  readonly #path: string;
  #fd: Fd | null;
  #bytes = 0;

  private constructor(files: Files, path: string, fd: Fd) {
    this.#files = files;
    this.#path = path;
    this.#fd = fd;
  }

  /** To be called under the shared lock of objects. */
  static take(files: Files, layout: Layout, kind: LeaseKind, trees: Iterable<TreeId>): Lease {
    const path = `${layout.locks}/${temporaryName().replace(".tmp-", prefix)}`;
    const fd = files.open(anywhere, path, { access: "create" });
    const lease = new Lease(files, path, fd);
    try {
      // Waits: who looks whether somebody holds it has it for a moment. Not held, it would count as left over.
      files.lock(fd, "exclusive", true);
      lease.#append([kind, ...Array.from(trees, (tree) => `tree ${tree}`)]);
      return lease;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** To be called before the pack gets its name. */
  addPack(pack: PackId): void {
    this.#append([`pack ${pack}`]);
  }

  /** Idempotent. */
  release(): void {
    if (this.#fd === null) return;
    try {
      removeIfPresent(this.#files, anywhere, this.#path);
    } finally {
      this.#files.close(this.#fd);
      this.#fd = null;
    }
  }

  #append(lines: string[]): void {
    if (this.#fd === null) return;
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    this.#files.write(this.#fd, bytes, this.#bytes);
    this.#bytes += bytes.length;
  }
}

/** What all operations that run at present rely on. */
export interface Leased {
  trees: Set<TreeId>;
  packs: Set<PackId>;
  writers: number;
}

/** `sweep`, with the exclusive lock of objects: removes what those left that died. */
export function readLeases(files: Files, layout: Layout, { sweep }: { sweep: boolean }): Leased {
  const leased: Leased = { trees: new Set(), packs: new Set(), writers: 0 };
  for (const name of namesIn(files, layout.locks)) {
    if (!name.startsWith(prefix)) continue;
    const path = `${layout.locks}/${name}`;
    if (!isHeld(files, path)) {
      if (sweep) removeIfPresent(files, anywhere, path);
      continue;
    }
    for (const line of (readWhole(files, path, leaseBytesMax) ?? "").toString("latin1").split("\n")) {
      const [what, id = ""] = line.split(" ");
      if (what === "writer") leased.writers += 1;
      if (what === "tree" && isContentId(id)) leased.trees.add(id as TreeId);
      if (what === "pack" && isContentId(id)) leased.packs.add(id as PackId);
    }
  }
  return leased;
}

function isHeld(files: Files, path: string): boolean {
  const fd = openIfPresent(files, path);
  // It was released meanwhile.
  if (fd === null) return false;
  try {
    return !files.lock(fd, "shared", false);
  } finally {
    files.close(fd);
  }
}
