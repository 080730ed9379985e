/**
 * What a program that embeds the store sees: one `Store` a directory, and plain data in and out.
 * Sizes are bytes. Times are milliseconds since 1970 unless a name says otherwise. Paths inside a tree are
 * raw bytes without a leading slash, because names on Linux are bytes, not strings.
 */
import type { SnapshotId, TreeId } from "./ids.js";

/** Where the engine runs, and with which rights over the files it walks and writes. */
export type EngineHost =
  /** A worker thread of this process, with the rights of this process. */
  | { kind: "thread" }
  /**
   * A child process in a user namespace of its own, where it may read and restore every file its user owns,
   * whatever the mode. When this process is root, `uid` and `gid` say which host user the child becomes.
   */
  | { kind: "process"; uid?: number; gid?: number };

/** How `openStore` opens a store. */
export interface OpenStoreOptions {
  /** Default: a worker thread. */
  host?: EngineHost;
  /** Make the store when the directory is missing or empty. Default false. */
  create?: boolean;
  /**
   * The most that the store's directory may take, in allocated bytes. Calls that store something fail with code `quota_exceeded`
   * where they would go beyond, and leave everything as it was; those that free space always work. What is written to an
   * attached disk counts, and is not stopped. Holds for this `Store` alone, not for others open on the same directory. Default: none.
   */
  capBytes?: number;
}

/** One range of owner ids: `count` ids from `host` on stand in trees as `count` ids from `tree` on. */
export interface IdRange {
  /** First id of the range on disk. */
  host: number;
  /** First id of the range in trees. */
  tree: number;
  /** How many ids, from 1. */
  count: number;
}

/** How owner ids on disk and owner ids in trees correspond. Ids in no range are kept as they are. Code `invalid_argument` for ranges beyond 32 bits. */
export interface IdMap {
  /** Of user ids. The first range that has an id counts. */
  uids: IdRange[];
  /** Of group ids, likewise. */
  gids: IdRange[];
}

/** How far a call is. The counts grow from 0 within a phase. */
export interface Progress {
  /** `scan`: files are looked at and stored. `write` and `restore`: files are written. `check`: packs are read. `collect`: space is given back. */
  phase: "scan" | "write" | "restore" | "check" | "collect";
  /** Entries done. */
  files: number;
  /** Bytes of content done. */
  bytes: number;
  /** Bytes found already stored. */
  deduplicatedBytes: number;
  /** Entries there will be, where the work knows. */
  totalFiles?: number;
  /** Bytes there will be, where the work knows. */
  totalBytes?: number;
}

/** What every call takes that may last. */
export interface LongCall {
  /** Ends the call with code `aborted`. What it had not finished is as if it had not begun, but for files that a restore has written. */
  signal?: AbortSignal;
  /** Called at most ten times a second. */
  onProgress?: (progress: Progress) => void;
}

/** Something that could not be stored, restored or read as it is; never dropped in silence. */
export interface Problem {
  /** In the tree, without a leading slash; empty for its root. */
  path: Uint8Array;
  /** Stable, lower snake case, for example `permission_denied`, `changed_while_read`, `owner_not_restored`. */
  code: string;
  /** For people. */
  message: string;
}

/** `idle`: nothing could write meanwhile. `live`: taken from a disk in use while its processes were paused. */
export type Consistency = "idle" | "live";

/** What a snapshot's record says. It never changes. */
export interface SnapshotInfo {
  /** BLAKE3-256 of the record: another store gives the same snapshot the same id. */
  id: SnapshotId;
  /** As it was given; unique in its scope without regard to case. */
  name: string;
  /** The disk it belongs to, or null for a snapshot of a plain directory. */
  diskId: string | null;
  /** Names the content: two snapshots with one tree are alike in every byte, mode, owner, time and attribute. */
  tree: TreeId;
  /** The newest snapshot of the disk when it was taken, which may be gone since; null for its first, and for one of a plain directory. */
  parent: SnapshotId | null;
  /** When it was taken. */
  createdAtMs: number;
  /** As it was given; empty without one. */
  comment: string;
  /** Whether anything could write meanwhile. */
  consistency: Consistency;
  /** Names in it that are no directory; a hard link counts under each of its names. */
  files: number;
  /** Directories below the root. */
  directories: number;
  /** Sum of file sizes. */
  logicalBytes: number;
  /** Bytes the store grew by when it was taken (packs written, compressed). */
  newBytes: number;
}

/** What came of taking a snapshot. */
export interface SnapshotResult {
  /** The snapshot, durable. */
  snapshot: SnapshotInfo;
  /** From the engine's turn to it until it was durable. */
  durationMs: number;
  /** What is not in the snapshot as it is on disk. */
  problems: Problem[];
}

/** How a directory is snapshotted. */
export interface SnapshotOptions extends LongCall {
  /** 1 to 64 characters; unique in its scope without regard to case. Default: made from the time. */
  name?: string;
  /** Text kept with it. Default: empty. */
  comment?: string;
  /** How owner ids on disk become those of the tree. Default: as they are. */
  idMap?: IdMap;
  /** Patterns in gitignore syntax, relative to the source. Upper and lower case differ. */
  exclude?: string[];
}

/** How a directory is made what a snapshot says. */
export interface RestoreOptions extends LongCall {
  /** Remove what the snapshot does not have. Default false. */
  delete?: boolean;
  /** Say what would change, change nothing. */
  dryRun?: boolean;
  /**
   * Restore only these paths, with what is below them. Code `path_not_found` for one at which the snapshot has nothing, nor, with
   * `delete`, the target; what is there stays as it is then.
   */
  paths?: Uint8Array[];
  /** How owner ids of the tree become those on disk. Default: as they are. */
  idMap?: IdMap;
}

/** What a restore did to entries (files, directories and all else), or with `dryRun` would do. */
export interface RestoreResult {
  /** Entries that were not there. */
  created: number;
  /** Entries of which anything was different. */
  changed: number;
  /** Entries removed. */
  deleted: number;
  /** Entries found as they should be. */
  unchanged: number;
  /** Bytes of content written. */
  writtenBytes: number;
  /** From the engine's turn to it until it was done. */
  durationMs: number;
  /** What is not on disk as it is in the snapshot. */
  problems: Problem[];
}

/** Bytes the filesystem has allocated (`st_blocks * 512`). The parts add up to `onDiskBytes`. */
export interface StoreUsage {
  /** What `du -s -B1` says of the store directory. */
  onDiskBytes: number;
  /** Packs, live part. */
  chunkBytes: number;
  /** Packs, the part no snapshot needs, awaiting collection. 0 while a snapshot is damaged so that what it needs cannot be told. */
  deadBytes: number;
  /** Immutable layers under disks. */
  layerBytes: number;
  /** Writable uppers of disks. */
  diskBytes: number;
  /** Indexes, records, refs, directories, locks. */
  overheadBytes: number;
  /** Sum of the file sizes of all snapshots. */
  logicalBytes: number;
  /** How many there are, those of disks among them. */
  snapshots: number;
  /** With `audit`, else null. */
  audit: UsageAudit | null;
}

/** What one snapshot takes, in allocated bytes. None of it depends on which of two snapshots was there first. */
export interface SnapshotUsage {
  /** Whose figures these are. */
  snapshot: SnapshotInfo;
  /**
   * What the store would keep for it if it were the only snapshot and everything else were collected: its record, its ref, and
   * of packs every frame that holds anything of it, with those that a collection leaves where they are because too little of
   * the pack is dead. Never less than `exclusiveBytes`.
   */
  referencedBytes: number;
  /**
   * Allocated bytes that deleting it would free: its record, its ref, and what of packs the collection that follows gives back. A
   * frame that another snapshot needs in part is not in it. Exact unless a collection is due for another reason.
   */
  exclusiveBytes: number;
  /** What it has in common with others: `referencedBytes` less `exclusiveBytes`. */
  sharedBytes: number;
}

/** The outcome of an audit of the figures. */
export interface UsageAudit {
  /** What the kept counts, or the sum of the categories, have wrong. Empty: nothing. */
  differences: string[];
}

/** One thing that is not as it should be. */
export interface FsckFinding {
  /** Stable, lower snake case, for example `chunk_missing`, `pack_damaged`, `record_unreadable`. */
  code: string;
  /** The file it is about, relative to the store; for `tree_damaged` the path in the snapshots, `.` for their root directory. */
  object: string;
  /** For people. */
  message: string;
  /** Names of the snapshots that it touches; `disk@name` for those of disks. Empty when it touches none. */
  snapshots: string[];
}

/** What a repair did. Paths are relative to the store. */
export interface RepairReport {
  /** Whether the index was made again from the packs. */
  indexRebuilt: boolean;
  /** Objects that only damaged packs held, and that are in new packs now. */
  savedChunks: number;
  /** Objects that no pack holds any more. When a snapshot meets the same content it is stored again. */
  lostChunks: number;
  /** Refs that had led to no snapshot and do again. */
  restoredRefs: string[];
  /** Where files are now that were damaged, or meant nothing. Nothing deletes them. */
  quarantined: string[];
  /** What a check finds afterwards. */
  remaining: FsckFinding[];
}

/** What a check of the store came to. */
export interface FsckReport {
  /** Nothing was found; with `repair`, nothing remains. */
  ok: boolean;
  /** What a check found, before any repair. */
  findings: FsckFinding[];
  /** Null without `repair`. */
  repair: RepairReport | null;
  /** Packs whose tables were read; with `readData` every byte. */
  checkedPacks: number;
  /** Objects in those packs. */
  checkedChunks: number;
  /** Snapshots whose trees were followed. */
  checkedSnapshots: number;
  /** From the engine's turn to it until it was done. */
  durationMs: number;
}

/** What a collection did, or with `dryRun` would do. */
export interface GcReport {
  /** Whether nothing was changed. */
  dryRun: boolean;
  /** Allocated bytes returned to the filesystem (or that would be), not counting what `cache/` keeps for the next time. */
  freedBytes: number;
  /** Packs in which nothing was needed. */
  deletedPacks: number;
  /** Packs of which the needed part moved to new ones. */
  rewrittenPacks: number;
  /** Layers that no disk stands on. */
  deletedLayers: number;
  /** From the engine's turn to it until it was done. */
  durationMs: number;
}

/** `overlay`: layers under a writable directory, to be mounted. `directory`: one plain directory, for who cannot mount. */
export type DiskDriver = "overlay" | "directory";

/** A disk as it is now. */
export interface DiskInfo {
  /** As it was given to `create` or `clone`. */
  id: string;
  /** What it is made of; a clone has that of its source. */
  driver: DiskDriver;
  /** When it was made. */
  createdAtMs: number;
  /** Layers under the writable upper, for `overlay`. */
  layers: number;
  /** Somebody holds an attachment. */
  attached: boolean;
}

/** A directory that a new disk starts with. `mode` is permission bits; owner ids are those on the host. */
export interface InitialDirectory {
  /** Relative, with `/` between names; those above it that are not in the list are made with mode 0755. */
  path: string;
  /** Permission bits, 12 of them. */
  mode: number;
}

/** All paths absolute. To use an overlay disk, mount it in a user namespace with `userxattr`. */
export type DiskMount =
  | {
      driver: "overlay";
      /** Where `lower` is relative to; change into it before mounting, so that long stacks fit the kernel's limit. */
      layersDir: string;
      /** Topmost first; at least one. */
      lower: string[];
      /** What processes write. */
      upper: string;
      /** What the kernel wants beside `upper`. */
      work: string;
    }
  /** `path`: the files themselves, to be used as they are. */
  | { driver: "directory"; path: string };

/**
 * Changes to a file tree that the store does not have, kept on a disk: what an overlay mount over that tree needs, with `userxattr`.
 * Snapshots, copies and restores take them along; in trees they are the directory `.image-changes`, in which a removal is a
 * device 0:0 and a directory that hides what is below has the attribute `user.overlay.opaque`.
 */
export interface ChangesMount {
  /** Topmost first; to be stacked above the tree. May be empty. */
  lower: string[];
  /** What processes write. */
  upper: string;
  /** What the kernel wants beside `upper`. */
  work: string;
}

/** The right to use a disk's files. While one exists the disk is not idle. Lost when the holder dies. */
export interface DiskAttachment {
  /** The disk that is attached. */
  readonly diskId: string;
  /** Where its files are, and how to mount them. */
  readonly mount: DiskMount;
  /** What the disk keeps of changes to another tree; its place is made where it is not there yet. To be mounted before `mount`. */
  changes(): Promise<ChangesMount>;
  /** Idempotent. Unmount before. */
  detach(): Promise<void>;
}

/** What is written to a disk: what the layers under it take does not count. */
export interface UpperUsage {
  /** Allocated bytes of the writable upper alone. */
  upperBytes: number;
  /** Files, directories and whatever else has a name in the writable upper and around it. */
  upperInodes: number;
}

/** What a disk takes on the filesystem, in allocated bytes, and in inodes: files, directories and whatever else has a name. */
export interface DiskUsage extends UpperUsage {
  /** Allocated bytes of the writable upper and of the layers that no other disk stands on. */
  exclusiveBytes: number;
  /** Allocated bytes of all layers under it and the upper. */
  referencedBytes: number;
  /** Inodes of all layers under it and the upper. */
  referencedInodes: number;
}

/** Bytes of the device, each counted once however many files share it. */
export interface PhysicalUsage {
  /** Of everything in the store's directory. */
  totalBytes: number;
  /** What `du` counts instead: shared extents once for each file. Their difference is what sharing saves. */
  allocatedBytes: number;
  /** In the order of their ids. What lies in layers belongs to no disk here. */
  disks: {
    /** The disk's id. */
    id: string;
    /** What deleting the disk gives back to the filesystem: used by nothing else, in the store or outside. */
    exclusiveBytes: number;
    /** What its files lie on, with what they share. */
    referencedBytes: number;
  }[];
}

/** Makes everything that writes to a disk stand still, and returns what lets it go on. */
export type PauseHook = () => Promise<() => void | Promise<void>>;

/** What a copy of a disk is made of, and how large it may be. */
export interface DiskCloneOptions {
  /** Of the new disk. */
  id: string;
  /** By name or id: copy this and not the present state. */
  snapshot?: string;
  /**
   * The most that the copy may take, as `referencedBytes` of `usage` counts it. Code `quota_exceeded` with the id in `data.disk` where it would
   * take more; then there is no new disk.
   */
  capBytes?: number;
  /** The same for `referencedInodes`. */
  capInodes?: number;
  /** With `snapshot`: how owner ids of the tree become those on disk. Default: as they are. */
  idMap?: IdMap;
}

/** How much of a disk is put back, and how large it may be then. */
export interface DiskRestoreOptions extends LongCall {
  /** First keep the present state as a snapshot, under a name made from the time. */
  undo?: boolean;
  /** Say what would change, change nothing. */
  dryRun?: boolean;
  /** For a dry run of a disk that is attached here: called and used as for a snapshot of one. Code `invalid_argument` without `dryRun`. */
  pause?: PauseHook;
  /** Only these, with what is below them. */
  paths?: Uint8Array[];
  /**
   * The most that layers of the disk may take afterwards. Code `quota_exceeded` with the id in `data.disk` where they would take more; then the
   * disk shows what it showed. A disk of the driver `directory` is put back in place and not held to it.
   */
  capBytes?: number;
  /** The same for inodes. */
  capInodes?: number;
  /** How owner ids of the snapshot become those on disk. Default: as they are. */
  idMap?: IdMap;
}

/** A cap that was crossed. */
export interface CapCrossed {
  /** What it is on. */
  unit: "bytes" | "inodes";
  /** In this unit. */
  used: number;
}

/** A cap for what processes write, which nothing stops by itself: it is looked, and said when it is crossed. */
export interface GrowthOptions {
  /** Allocated bytes. Who is beyond it from the start may write a little more, so as to clean up. */
  capBytes: number;
  /** Called once. What was written stays: stop who writes. */
  onCrossed: (crossed: CapCrossed) => void;
  /** A look failed, the `failures`th since something was measured; the next comes all the same. While looks fail, nothing is held to the cap. */
  onError: (error: unknown, failures: number) => void;
  /**
   * What the writers hold open that has no name any more, in allocated bytes: it takes space, and no walk finds it. Added to what is found,
   * except where the kernel counts; not asked when that alone is more than the cap. It should take no longer than a moment, because nothing is looked at
   * meanwhile. Default: none.
   */
  unlinkedBytes?: () => Promise<number>;
  /** How often the filesystem is asked whether it lost space or inodes, which takes microseconds. Walks take at most 2 % of the time, near the cap 10 %. Default 200. */
  intervalMs?: number;
}

/** A cap for what processes write to one disk. */
export interface DiskGrowthOptions extends GrowthOptions {
  /** The most inodes that it may have, as `referencedInodes` of `usage` counts them. Default: no limit. */
  capInodes?: number;
  /** Called where the disk is walked because as much may have been written as is left below the cap. */
  pause?: PauseHook;
}

/** A cap that is being watched. */
export interface GrowthWatch {
  /** Idempotent. Nothing is called afterwards. */
  close(): void;
}

/** The live, writable file trees of a store. An `id` is 1 to 64 of a-z, 0-9 and "-", and begins with no "-"; code `invalid_argument` for a new disk with any other. */
export interface Disks {
  /** Makes an empty disk: `driver` is `overlay` unless told; `directories` is what it starts with. Code `disk_exists` when the `id` is in use. */
  create(options: { id: string; driver?: DiskDriver; directories?: InitialDirectory[] }): Promise<DiskInfo>;
  /** Code `disk_not_found` when there is none. */
  get(id: string): Promise<DiskInfo>;
  /** All disks of the store, in the order of their ids. */
  list(): Promise<DiskInfo[]>;
  /** Takes a disk, so that its files may be used. Codes `disk_not_found`, and `disk_in_use` while somebody else has it. */
  attach(id: string): Promise<DiskAttachment>;
  /**
   * An independent copy in constant time. The source must be idle (code `disk_in_use`), unless `snapshot`
   * names one of its snapshots to copy instead of the present state. `id`: of the copy, code `disk_exists` when it is in use. `idMap`: as it was
   * when the snapshot was taken.
   */
  clone(sourceId: string, options: DiskCloneOptions): Promise<DiskInfo>;
  /**
   * A restore point of the whole disk, which must be idle (code `disk_in_use`) unless `pause` is given. With `pause` it must be attached
   * here (code `invalid_argument` otherwise), and the snapshot is `live`: the hook is called when the engine turns to it, and what
   * the hook returned when it is done, also when it failed. When the hook fails, so does the snapshot, with the same error. `name`, `comment` and `idMap`: as in `SnapshotOptions`.
   */
  snapshot(
    id: string,
    options?: LongCall & { name?: string; comment?: string; pause?: PauseHook; idMap?: IdMap },
  ): Promise<SnapshotResult>;
  /** The snapshots of a disk, newest first. */
  snapshots(id: string): Promise<SnapshotInfo[]>;
  /**
   * Puts the disk back to a snapshot. The disk must be idle, but for a dry run with `pause`. `undo`: first keep the present state under a name made from the
   * time. `paths`: only these, as the snapshot has them, also those that it lacks; code `path_not_found` for one that neither it
   * nor the disk has. `dryRun`: say what would change, change nothing. `idMap`: as it was when the snapshot was taken.
   */
  restore(
    id: string,
    snapshot: string,
    options?: DiskRestoreOptions,
  ): Promise<RestoreResult & { undo: SnapshotInfo | null }>;
  /** By name or id; frees what only it needed, as far as whole frames go (`gc` does the rest): `freedBytes`, allocated. Code `snapshot_not_found`. */
  deleteSnapshot(id: string, snapshot: string): Promise<{ freedBytes: number }>;
  /** Deletes the disk and its snapshots; never what a clone needs. The disk must be idle (code `disk_in_use`). `freedBytes`: allocated bytes given back. */
  delete(id: string): Promise<{ freedBytes: number }>;
  /** What a disk takes on the filesystem, alone and with what it shares. */
  usage(id: string): Promise<DiskUsage>;
  /** The same of all disks, in the order of their `id`s, for little more than what one of them costs. */
  usages(): Promise<(DiskUsage & { id: string })[]>;
  /**
   * How long the files are that a disk shows, all together, holes included and each name by itself. Takes a walk of what was written since
   * the last snapshot, and reads no file.
   */
  logicalBytes(id: string): Promise<number>;
  /** This part of `usage` alone, for a fraction of its cost: it grows while the disk is attached. */
  upperUsage(id: string): Promise<UpperUsage>;
  /**
   * Holds an attached disk to caps on `referencedBytes` and `referencedInodes` of `usage`. Where `kernelHoldsDisks`, from the first look on the
   * kernel ends a write that would cross one (`ENOSPC` on XFS, `EDQUOT` on ext4), and `onCrossed` is not called; not so for a disk that held
   * more than directories before it was first attached there. Elsewhere whoever writes faster than it is looked gets beyond the cap by what it writes in between.
   */
  watchGrowth(id: string, options: DiskGrowthOptions): GrowthWatch;
}

/** What stands at a path. `character` and `block` are device nodes. */
export type EntryType = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block";

/** What an entry says of itself. `links`: which other names are hard links to the same file. */
export type ChangedPart =
  "type" | "content" | "target" | "device" | "mode" | "owner" | "mtime" | "xattrs" | "links";

/** One path that differs between two trees. The empty path is the root directory. */
export interface TreeChange {
  /** In the tree, without a leading slash. */
  path: Uint8Array;
  /** What happened on the way from the first tree to the second. */
  kind: "added" | "removed" | "changed";
  /** Of what is there after; of what was there before when it is removed. */
  type: EntryType;
  /** Empty unless `changed`. */
  what: ChangedPart[];
  /** Sizes of regular files; null for anything else, and where there is nothing. */
  beforeBytes: number | null;
  /** The same, afterwards. */
  afterBytes: number | null;
}

/** What one snapshot changed at a path, against the snapshot before it. */
export interface PathChange {
  /** The snapshot that has it so. */
  snapshot: SnapshotInfo;
  /** What happened since the snapshot before. */
  kind: TreeChange["kind"];
  /** Of what is there after; of what was there before when it is removed. */
  type: EntryType;
  /** Empty unless `changed`. */
  what: ChangedPart[];
  /** Of a regular file in this snapshot; null for anything else, and when it is removed. */
  sizeBytes: number | null;
}

/** One entry of a snapshot's tree. */
export interface ListedEntry {
  /** Empty for the root directory. */
  name: Uint8Array;
  /** What it is. */
  type: EntryType;
  /** 12 permission bits. */
  mode: number;
  /** Owner, as the tree has it. */
  uid: number;
  /** Group, as the tree has it. */
  gid: number;
  /** Whole seconds since 1970, rounded down. */
  mtimeSeconds: number;
  /** What is beyond them, 0 to 999,999,999. */
  mtimeNanoseconds: number;
  /** Of a regular file; 0 for anything else. */
  sizeBytes: number;
  /** Of a symlink; null for anything else. */
  target: Uint8Array | null;
}

/** What stands at a path of a snapshot. */
export interface TreeListing {
  /** What stands there itself. */
  entry: ListedEntry;
  /** What is in a directory, in the order of names as bytes; null for anything else. */
  entries: ListedEntry[] | null;
}

/** Whose snapshots are meant: those of a disk, or without `diskId` those of plain directories. */
export interface Scope {
  /** The id of a disk. Not looked up: a disk that there is not has no snapshots. */
  diskId?: string;
}

/** One side of a difference: the name or id of a snapshot, or with `directory` the path of one as it is now. */
export type DiffSide = string | { directory: string };

/** How two trees are compared. */
export interface DiffOptions extends LongCall, Scope {
  /** Ends after this many changes. Default: no limit. */
  limit?: number;
  /** For a directory: how its owner ids are translated, and what is left out, as when it was snapshotted. */
  idMap?: IdMap;
  /** Patterns in gitignore syntax. */
  exclude?: string[];
}

/** What separates two trees. */
export interface Diff {
  /** What could not be read in a directory. It may show as removed. */
  problems: Problem[];
  /**
   * To be read once; each directory comes before what is below it, names in the order of their bytes. What it reads is kept from
   * collection until it ends: whoever does not read it to its end leaves the loop, or calls `return()`.
   */
  changes: AsyncIterableIterator<TreeChange>;
}

/** Which part of a file is read. */
export interface ReadOptions extends LongCall, Scope {
  /** Default 0. */
  offset?: number;
  /** Default: to the end. */
  length?: number;
}

/** What goes into a bundle. */
export interface ExportOptions extends LongCall, Scope {
  /** A snapshot that the receiver has: what is in it is left out. */
  since?: string;
}

/** What becomes of the snapshots in a bundle. With `diskId` they become those of that disk. */
export interface ImportOptions extends LongCall, Scope {
  /** New names by the names in the bundle. */
  rename?: Record<string, string>;
  /** Refuses, with code `too_large`, a bundle whose content is longer than this when it is unpacked. Default: no limit. */
  contentBytesMax?: number;
}

/** How snapshots are copied to another store. */
export interface CopyOptions extends LongCall, Scope {
  /** New names by the names here. */
  rename?: Record<string, string>;
}

/** An open store. Every call fails with code `closed` after `close`. */
export interface Store extends AsyncDisposable {
  /** Where the store is; absolute. */
  readonly directory: string;
  /** Snapshots any plain directory. The store is left out where it stands in it. */
  snapshot(source: string, options?: SnapshotOptions): Promise<SnapshotResult>;
  /** Snapshots of plain directories, newest first. Those of a disk: `disks.snapshots`. */
  snapshots(): Promise<SnapshotInfo[]>;
  /** By name or id. Code `snapshot_not_found`. */
  getSnapshot(snapshot: string): Promise<SnapshotInfo>;
  /** By name or id; frees what only it needed, as far as whole frames go (`gc` does the rest): `freedBytes`, allocated. Code `snapshot_not_found`. */
  deleteSnapshot(snapshot: string): Promise<{ freedBytes: number }>;
  /**
   * Makes a directory what a snapshot says, and writes only what differs. What is there and not in the snapshot stays, unless
   * `delete` is given. A file gives way only to one that is whole; what a restore that was cut off was writing beside it has a name that
   * begins with `.tmp-`. What is damaged in the store stays as it is in the target, and all else is restored; then the call fails with
   * `corrupt` or `chunk_missing`, and `data.problems` of the error says what is to be known. Nothing is synced. Code `snapshot_not_found`.
   */
  restore(snapshot: string, target: string, options?: RestoreOptions): Promise<RestoreResult>;
  /** What the store takes, by categories. `audit`: counts everything anew as well, by other ways, and says what differs. */
  usage(options?: LongCall & { audit?: boolean }): Promise<StoreUsage>;
  /** `onDiskBytes` of `usage` alone, without telling what they are. */
  onDiskBytes(): Promise<number>;
  /**
   * What the store takes of its device where files share extents (btrfs, XFS with reflinks), by asking the filesystem after each file
   * (FIEMAP): takes as long as a walk of it all. Content that the filesystem compressed counts at its plain size. Null where the filesystem does
   * not tell (tmpfs).
   */
  physicalUsage(options?: LongCall): Promise<PhysicalUsage | null>;
  /** Holds what is written to attached disks to a cap on `onDiskBytes`; what the store itself writes is held by `capBytes` of `openStore`. */
  watchGrowth(options: GrowthOptions): GrowthWatch;
  /** What each snapshot of a scope takes, newest first. */
  snapshotUsage(options?: LongCall & Scope): Promise<SnapshotUsage[]>;
  /**
   * Checks the store, with `readData` every byte of it. `repair`: also rebuilds what can be rebuilt and puts aside, never
   * deletes, what cannot; it reads every byte, and others wait meanwhile.
   */
  fsck(options?: LongCall & { readData?: boolean; repair?: boolean }): Promise<FsckReport>;
  /** Gives back what no snapshot and no disk needs; `dryRun`: only says what it would. Readers and writers, in other processes too, go on meanwhile. */
  gc(options?: LongCall & { dryRun?: boolean }): Promise<GcReport>;
  /** What separates two trees, in time proportional to the difference; a directory is walked, and nothing is stored. */
  diff(from: DiffSide, to: DiffSide, options?: DiffOptions): Promise<Diff>;
  /** In which snapshots, from the oldest on, what stands at a path was added, changed or removed. */
  log(path: Uint8Array, options?: LongCall & Scope): Promise<PathChange[]>;
  /** Code `path_not_found` when there is nothing at the path. Symlinks are not followed. */
  list(snapshot: string, path: Uint8Array, options?: Scope): Promise<TreeListing>;
  /** The content of a file, in pieces; what is before `offset` is not read. Holes give zeros. */
  read(snapshot: string, path: Uint8Array, options?: ReadOptions): AsyncIterable<Buffer>;
  /** Snapshots as one self-contained stream, in pieces. One that is deleted before the first piece makes the export fail; later it may be. */
  export(snapshots: string[], options?: ExportOptions): AsyncIterable<Buffer>;
  /**
   * Takes in what `export` gave. Everything is verified before a snapshot appears. One that is here already under its name
   * is left as it is; another snapshot of the name is `snapshot_name_taken`. Codes `bundle_invalid` when the stream was cut or
   * changed, `bundle_base_missing` when it was made `since` a snapshot that is not here.
   */
  import(bundle: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<SnapshotInfo[]>;
  /** Copies snapshots to the store in another directory, which gets only what it lacks. */
  copyTo(directory: string, snapshots: string[], options?: CopyOptions): Promise<SnapshotInfo[]>;
  /** The store's live, writable file trees. */
  readonly disks: Disks;
  /** Idempotent. Ends the engine; attachments are lost. */
  close(): Promise<void>;
}
