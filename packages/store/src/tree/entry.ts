/** What one directory entry of a tree says. Nothing volatile (atime, ctime, inode) is in it, so equal trees have equal ids. */
import type { Digest } from "../chunk/hash.js";

export interface Xattr {
  name: Buffer;
  value: Buffer;
}

/** Sums over everything below a directory, the directory itself not counted. */
export interface TreeSums {
  /** Entries that are not directories. */
  files: number;
  directories: number;
  /** Sum of the sizes of regular files. */
  logicalBytes: number;
}

/** Where the bytes of a file are. Depth 0: the id of its only chunk. Depth n: the id of a chunk list n levels high. */
export interface FileContent {
  depth: number;
  id: Digest;
}

interface EntryBase {
  name: Buffer;
  /** 12 permission bits. */
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Sorted by name. */
  xattrs: Xattr[];
  /** Entries of one tree with the same group and equal in all else are hard links to one file. Null: no other link. */
  linkGroup: Buffer | null;
}

export interface FileEntry extends EntryBase {
  type: "file";
  sizeBytes: number;
  /** Null for an empty file. */
  content: FileContent | null;
}

export interface DirectoryTreeEntry extends EntryBase {
  type: "directory";
  /** The node of its entries. */
  id: Digest;
  sums: TreeSums;
}

export interface SymlinkEntry extends EntryBase {
  type: "symlink";
  target: Buffer;
}

export interface SpecialEntry extends EntryBase {
  type: "fifo" | "socket" | "character" | "block";
  major: number;
  minor: number;
}

export type TreeEntry = FileEntry | DirectoryTreeEntry | SymlinkEntry | SpecialEntry;

/** (format) Bytes of a hard link group. */
export const linkGroupBytes = 8;

export function addSums(total: TreeSums, entry: TreeEntry): void {
  if (entry.type === "directory") {
    total.directories += 1 + entry.sums.directories;
    total.files += entry.sums.files;
    total.logicalBytes += entry.sums.logicalBytes;
    return;
  }
  total.files += 1;
  if (entry.type === "file") total.logicalBytes += entry.sizeBytes;
}

export function noSums(): TreeSums {
  return { files: 0, directories: 0, logicalBytes: 0 };
}

export function sameSums(a: TreeSums, b: TreeSums): boolean {
  return a.files === b.files && a.directories === b.directories && a.logicalBytes === b.logicalBytes;
}
