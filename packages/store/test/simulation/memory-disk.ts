/**
 * A disk in memory that keeps apart what is on the platter and what only the kernel knows: content and metadata of each
 * inode, entries of each directory, and the changes of names in between that no sync has covered.
 */
import type { FileType } from "../../src/platform/files.js";
import {
  bodyOf,
  changedEntries,
  type Inode,
  type InodeNumber,
  type Metadata,
  type NameChange,
} from "./inode.js";

/** The disk at one moment. */
export interface Moment {
  readonly inodes: ReadonlyMap<InodeNumber, Inode>;
  readonly pending: readonly NameChange[];
  readonly clock: number;
  readonly nextInode: number;
}

export const rootInode: InodeNumber = 1;
const empty = Buffer.alloc(0);

/** A past moment, so that the stat cache trusts what it sees; steps of a millisecond, so that runs repeat exactly. */
const clockStartMs = 1_700_000_000_000;

export class MemoryDisk {
  inodes: Map<InodeNumber, Inode>;
  pending: NameChange[];
  /** Holders of `flock` by inode; the keys are unique to a process and descriptor. */
  readonly locks = new Map<InodeNumber, Map<object, "shared" | "exclusive">>();
  #clock: number;
  #nextInode: number;

  constructor(moment?: Moment) {
    this.inodes = new Map(moment?.inodes ?? []);
    this.pending = [...(moment?.pending ?? [])];
    this.#clock = moment?.clock ?? 0;
    this.#nextInode = moment?.nextInode ?? rootInode;
    if (moment === undefined) this.make("directory", 0o755);
  }

  moment(): Moment {
    return {
      inodes: new Map(this.inodes),
      pending: [...this.pending],
      clock: this.#clock,
      nextInode: this.#nextInode,
    };
  }

  nowNs(): bigint {
    this.#clock += 1;
    return BigInt(clockStartMs + this.#clock) * 1_000_000n;
  }

  get(number: InodeNumber): Inode {
    return this.inodes.get(number) as Inode;
  }

  make(type: FileType, mode: number, rest: Partial<Inode> = {}): InodeNumber {
    const number = this.#nextInode;
    this.#nextInode += 1;
    const now = this.nowNs();
    const metadata: Metadata = {
      mode,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      mtimeNs: now,
      ctimeNs: now,
      xattrs: new Map(),
    };
    this.inodes.set(number, {
      type,
      links: 0,
      metadata,
      content: empty,
      durable: { metadata, content: empty },
      spoiled: false,
      entries: new Map(),
      durableEntries: new Map(),
      target: empty,
      major: 0,
      minor: 0,
      ...rest,
    });
    return number;
  }

  update(number: InodeNumber, change: Partial<Inode>): void {
    this.inodes.set(number, { ...this.get(number), ...change });
  }

  setMetadata(number: InodeNumber, change: Partial<Metadata>): void {
    const { metadata } = this.get(number);
    this.update(number, { metadata: { ...metadata, ctimeNs: this.nowNs(), ...change } });
  }

  /** Changes names for everybody who looks, and remembers that no sync has covered it. */
  changeNames(change: NameChange): void {
    const replaced =
      change.added === null ? undefined : this.get(change.added.directory).entries.get(change.added.name);
    const now = this.nowNs();
    for (const directory of new Set([change.removed?.directory, change.added?.directory])) {
      if (directory === undefined) continue;
      const { entries, metadata } = this.get(directory);
      this.update(directory, {
        entries: changedEntries(entries, directory, change),
        metadata: { ...metadata, mtimeNs: now, ctimeNs: now },
      });
    }
    if (replaced !== undefined) this.#count(replaced, -1);
    if (change.added !== null) this.#count(change.added.inode, 1);
    if (change.removed !== null) this.#count(change.removed.inode, -1);
    this.pending.push(change);
  }

  syncInode(number: InodeNumber): void {
    const inode = this.get(number);
    if (inode.type === "directory") {
      this.#settle((change) => change.syncedBy === number);
    } else if (inode.spoiled) {
      return;
    }
    this.update(number, { durable: bodyOf(inode) });
  }

  syncAll(): void {
    this.#settle(() => true);
    for (const [number, inode] of this.inodes) {
      if (!inode.spoiled) this.update(number, { durable: bodyOf(inode), durableEntries: inode.entries });
    }
  }

  #settle(isSynced: (change: NameChange) => boolean): void {
    const synced = this.pending.filter(isSynced);
    this.pending = this.pending.filter((change) => !isSynced(change));
    for (const change of synced) {
      for (const directory of new Set([change.removed?.directory, change.added?.directory])) {
        if (directory === undefined) continue;
        const { durableEntries } = this.get(directory);
        this.update(directory, { durableEntries: changedEntries(durableEntries, directory, change) });
      }
    }
  }

  #count(number: InodeNumber, by: number): void {
    const inode = this.get(number);
    this.inodes.set(number, {
      ...inode,
      links: inode.links + by,
      metadata: { ...inode.metadata, ctimeNs: this.nowNs() },
    });
  }
}
