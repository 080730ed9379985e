/** What the simulated disk consists of. Everything is immutable and replaced whole, so that a moment is kept by copying a map. */
import type { FileType } from "../../src/platform/files.js";

export type InodeNumber = number;

/** Name, one character a byte, to inode. */
export type Entries = ReadonlyMap<string, InodeNumber>;

export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** What a power cut may leave of an inode. */
export interface Body {
  readonly metadata: Metadata;
  /** Of a file. */
  readonly content: Buffer;
}

export interface Inode extends Body {
  readonly type: FileType;
  readonly links: number;
  /** What is on the platter. */
  readonly durable: Body;
  /** A sync of it has failed: the kernel calls its pages clean, and no later sync writes what they held. */
  readonly spoiled: boolean;
  readonly entries: Entries;
  readonly durableEntries: Entries;
  readonly target: Buffer;
  readonly major: number;
  readonly minor: number;
}

export interface NamedInode {
  readonly directory: InodeNumber;
  readonly name: string;
  readonly inode: InodeNumber;
}

/** A change of names that may or may not outlive a power cut. A rename is one change: never half of it is seen. */
export interface NameChange {
  readonly operation: string;
  /** The directory whose sync makes it durable. */
  readonly syncedBy: InodeNumber;
  readonly removed: NamedInode | null;
  readonly added: NamedInode | null;
}

export function bodyOf(inode: Body): Body {
  return { metadata: inode.metadata, content: inode.content };
}

/** The entries with a change made to them, as far as it is about this directory. */
export function changedEntries(entries: Entries, directory: InodeNumber, change: NameChange): Entries {
  const { removed, added } = change;
  const next = new Map(entries);
  if (removed?.directory === directory && next.get(removed.name) === removed.inode) next.delete(removed.name);
  if (added?.directory === directory) next.set(added.name, added.inode);
  return next;
}
