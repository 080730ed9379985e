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
  host: number;
  tree: number;
  count: number;
}

/** How owner ids on disk and owner ids in trees correspond. Ids in no range are kept as they are. */
export interface IdMap {
  uids: IdRange[];
  gids: IdRange[];
}

export interface Progress {
  phase: "scan" | "write" | "restore" | "check" | "collect";
  files: number;
  bytes: number;
  /** Bytes found already stored. */
  deduplicatedBytes: number;
  /** Known totals, where the work has them. */
  totalFiles?: number;
  totalBytes?: number;
}

export interface LongCall {
  signal?: AbortSignal;
  /** Called at most ten times a second. */
  onProgress?: (progress: Progress) => void;
}

/** Something that could not be stored, restored or read as it is; never dropped in silence. */
export interface Problem {
  path: Uint8Array;
  /** Stable, lower snake case, for example `permission_denied`, `changed_while_read`, `owner_not_restored`. */
  code: string;
  message: string;
}

/** `idle`: nothing could write meanwhile. `live`: taken from a disk in use while its processes were paused. */
export type Consistency = "idle" | "live";

export interface SnapshotInfo {
  id: SnapshotId;
  name: string;
  /** The disk it belongs to, or null for a snapshot of a plain directory. */
  diskId: string | null;
  tree: TreeId;
  parent: SnapshotId | null;
  createdAtMs: number;
  comment: string;
  consistency: Consistency;
  files: number;
  directories: number;
  /** Sum of file sizes. */
  logicalBytes: number;
  /** Bytes the store grew by when it was taken (packs written, compressed). */
  newBytes: number;
}

export interface SnapshotResult {
  snapshot: SnapshotInfo;
  durationMs: number;
  problems: Problem[];
}

export interface SnapshotOptions extends LongCall {
  /** 1 to 64 characters; unique in its scope without regard to case. Default: made from the time. */
  name?: string;
  comment?: string;
  idMap?: IdMap;
  /** Patterns in gitignore syntax, relative to the source. */
  exclude?: string[];
}

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
  idMap?: IdMap;
}

export interface RestoreResult {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  writtenBytes: number;
  durationMs: number;
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
  snapshots: number;
  /** With `audit`, else null. */
  audit: UsageAudit | null;
}

/** What one snapshot takes, in allocated bytes. None of it depends on which of two snapshots was there first. */
export interface SnapshotUsage {
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

export interface FsckFinding {
  /** Stable, lower snake case, for example `chunk_missing`, `pack_damaged`, `record_unreadable`. */
  code: string;
  /** The file it is about, relative to the store; for `tree_damaged` the path in the snapshots, `.` for their root directory. */
  object: string;
  message: string;
  /** Names of the snapshots that it touches; `disk@name` for those of disks. Empty when it touches none. */
  snapshots: string[];
}

/** What a repair did. Paths are relative to the store. */
export interface RepairReport {
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

export interface FsckReport {
  /** Nothing was found; with `repair`, nothing remains. */
  ok: boolean;
  findings: FsckFinding[];
  /** Null without `repair`. */
  repair: RepairReport | null;
  checkedPacks: number;
  checkedChunks: number;
  checkedSnapshots: number;
  durationMs: number;
}

export interface GcReport {
  dryRun: boolean;
  /** Allocated bytes returned to the filesystem (or that would be), not counting what `cache/` keeps for the next time. */
  freedBytes: number;
  deletedPacks: number;
  rewrittenPacks: number;
  deletedLayers: number;
  durationMs: number;
}

export type DiskDriver = "overlay" | "directory";

export interface DiskInfo {
  id: string;
  driver: DiskDriver;
  createdAtMs: number;
  /** Layers under the writable upper, for `overlay`. */
  layers: number;
  /** Somebody holds an attachment. */
  attached: boolean;
}

/** A directory that a new disk starts with. `mode` is permission bits; owner ids are those on the host. */
export interface InitialDirectory {
  path: string;
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
      upper: string;
      work: string;
    }
  | { driver: "directory"; path: string };

/**
 * Changes to a file tree that the store does not have, kept on a disk: what an overlay mount over that tree needs, with `userxattr`.
 * Snapshots, copies and restores take them along; in trees they are the directory `.image-changes`, in which a removal is a
 * device 0:0 and a directory that hides what is below has the attribute `user.overlay.opaque`.
 */
export interface ChangesMount {
  /** Topmost first; to be stacked above the tree. May be empty. */
  lower: string[];
  upper: string;
  work: string;
}

/** The right to use a disk's files. While one exists the disk is not idle. Lost when the holder dies. */
export interface DiskAttachment {
  readonly diskId: string;
  readonly mount: DiskMount;
  /** What the disk keeps of changes to another tree; its place is made where it is not there yet. To be mounted before `mount`. */
  changes(): Promise<ChangesMount>;
  /** Idempotent. Unmount before. */
  detach(): Promise<void>;
}

export interface DiskUsage {
  /** Allocated bytes of the writable upper and of the layers that no other disk stands on. */
  exclusiveBytes: number;
  /** Allocated bytes of all layers under it and the upper. */
  referencedBytes: number;
  /** Allocated bytes of the writable upper alone. */
  upperBytes: number;
}

/** Bytes of the device, each counted once however many files share it. */
export interface PhysicalUsage {
  /** Of everything in the store's directory. */
  totalBytes: number;
  /** What `du` counts instead: shared extents once for each file. Their difference is what sharing saves. */
  allocatedBytes: number;
  /** In the order of their ids. What lies in layers belongs to no disk here. */
  disks: {
    id: string;
    /** What deleting the disk gives back to the filesystem: used by nothing else, in the store or outside. */
    exclusiveBytes: number;
    /** What its files lie on, with what they share. */
    referencedBytes: number;
  }[];
}

/** Makes everything that writes to a disk stand still, and returns what lets it go on. */
export type PauseHook = () => Promise<() => void | Promise<void>>;

/** A cap for what processes write, which nothing stops by itself: it is looked, and said when it is crossed. */
export interface GrowthOptions {
  /** Allocated bytes. Who is beyond it from the start may write a little more, so as to clean up. */
  capBytes: number;
  /** Called once. What was written stays: stop who writes. */
  onCrossed: (usedBytes: number) => void;
  /** A look failed; the next comes all the same. */
  onError: (error: unknown) => void;
  /** How often the filesystem is asked whether it lost space, which takes microseconds. Walks take at most 2 % of the time, near the cap 10 %. Default 200. */
  intervalMs?: number;
}

export interface DiskGrowthOptions extends GrowthOptions {
  /** Called where the disk is walked because as much may have been written as is left below the cap. */
  pause?: PauseHook;
}

export interface GrowthWatch {
  /** Idempotent. Nothing is called afterwards. */
  close(): void;
}

export interface Disks {
  /** Makes an empty disk. Code `disk_exists`. */
  create(options: { id: string; driver?: DiskDriver; directories?: InitialDirectory[] }): Promise<DiskInfo>;
  /** Code `disk_not_found` when there is none. */
  get(id: string): Promise<DiskInfo>;
  /** All disks of the store, in the order of their ids. */
  list(): Promise<DiskInfo[]>;
  /** Takes a disk, so that its files may be used. Codes `disk_not_found`, and `disk_in_use` while somebody else has it. */
  attach(id: string): Promise<DiskAttachment>;
  /**
   * An independent copy in constant time. The source must be idle (code `disk_in_use`), unless `snapshot`
   * names one of its snapshots to copy instead of the present state.
   */
  clone(sourceId: string, options: { id: string; snapshot?: string; idMap?: IdMap }): Promise<DiskInfo>;
  /**
   * A restore point of the whole disk, which must be idle (code `disk_in_use`) unless `pause` is given. With `pause` it must be attached
   * here (code `invalid_argument` otherwise), and the snapshot is `live`: the hook is called when the engine turns to it, and what
   * the hook returned when it is done, also when it failed. When the hook fails, so does the snapshot, with the same error.
   */
  snapshot(
    id: string,
    options?: LongCall & { name?: string; comment?: string; pause?: PauseHook; idMap?: IdMap },
  ): Promise<SnapshotResult>;
  /** The snapshots of a disk, newest first. */
  snapshots(id: string): Promise<SnapshotInfo[]>;
  /**
   * Puts the disk back to a snapshot. The disk must be idle. `undo`: first keep the present state under a name made from the
   * time. `paths`: only these, as the snapshot has them, also those that it lacks; code `path_not_found` for one that neither it
   * nor the disk has.
   */
  restore(
    id: string,
    snapshot: string,
    options?: LongCall & { undo?: boolean; dryRun?: boolean; paths?: Uint8Array[]; idMap?: IdMap },
  ): Promise<RestoreResult & { undo: SnapshotInfo | null }>;
  /** By name or id; frees what only it needed, as far as whole frames go (`gc` does the rest). Code `snapshot_not_found`. */
  deleteSnapshot(id: string, snapshot: string): Promise<{ freedBytes: number }>;
  /** Deletes the disk and its snapshots; never what a clone needs. The disk must be idle. */
  delete(id: string): Promise<{ freedBytes: number }>;
  /** What a disk takes on the filesystem, alone and with what it shares. */
  usage(id: string): Promise<DiskUsage>;
  /** The same of all disks, in the order of their ids, for little more than what one of them costs. */
  usages(): Promise<(DiskUsage & { id: string })[]>;
  /** `upperBytes` of `usage` alone, for a fraction of its cost: the part that grows while the disk is attached. */
  upperBytes(id: string): Promise<number>;
  /**
   * Holds an attached disk to a cap on `referencedBytes` of `usage`. Whoever writes faster than it is looked gets beyond the cap by what it
   * writes in between.
   */
  watchGrowth(id: string, options: DiskGrowthOptions): GrowthWatch;
}

export type EntryType = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block";

/** What an entry says of itself. `links`: which other names are hard links to the same file. */
export type ChangedPart =
  "type" | "content" | "target" | "device" | "mode" | "owner" | "mtime" | "xattrs" | "links";

/** One path that differs between two trees. The empty path is the root directory. */
export interface TreeChange {
  path: Uint8Array;
  kind: "added" | "removed" | "changed";
  /** Of what is there after; of what was there before when it is removed. */
  type: EntryType;
  /** Empty unless `changed`. */
  what: ChangedPart[];
  /** Sizes of regular files; null for anything else, and where there is nothing. */
  beforeBytes: number | null;
  afterBytes: number | null;
}

/** What one snapshot changed at a path, against the snapshot before it. */
export interface PathChange {
  snapshot: SnapshotInfo;
  kind: TreeChange["kind"];
  type: EntryType;
  what: ChangedPart[];
  sizeBytes: number | null;
}

export interface ListedEntry {
  /** Empty for the root directory. */
  name: Uint8Array;
  type: EntryType;
  /** 12 permission bits. */
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Of a regular file; 0 for anything else. */
  sizeBytes: number;
  /** Of a symlink; null for anything else. */
  target: Uint8Array | null;
}

export interface TreeListing {
  entry: ListedEntry;
  /** What is in a directory, in the order of names as bytes; null for anything else. */
  entries: ListedEntry[] | null;
}

/** Whose snapshots are meant: those of a disk, or without `diskId` those of plain directories. */
export interface Scope {
  diskId?: string;
}

/** One side of a difference: the name or id of a snapshot, or a directory as it is now. */
export type DiffSide = string | { directory: string };

export interface DiffOptions extends LongCall, Scope {
  /** Ends after this many changes. Default: no limit. */
  limit?: number;
  /** For a directory: how its owner ids are translated, and what is left out, as when it was snapshotted. */
  idMap?: IdMap;
  exclude?: string[];
}

export interface Diff {
  /** What could not be read in a directory. It may show as removed. */
  problems: Problem[];
  /** To be read once; each directory comes before what is below it, names in the order of their bytes. */
  changes: AsyncIterable<TreeChange>;
}

export interface ReadOptions extends LongCall, Scope {
  /** Default 0. */
  offset?: number;
  /** Default: to the end. */
  length?: number;
}

export interface ExportOptions extends LongCall, Scope {
  /** A snapshot that the receiver has: what is in it is left out. */
  since?: string;
}

export interface ImportOptions extends LongCall, Scope {
  /** New names by the names in the bundle. */
  rename?: Record<string, string>;
  /** Refuses, with code `too_large`, a bundle whose content is longer than this when it is unpacked. Default: no limit. */
  contentBytesMax?: number;
}

export interface CopyOptions extends LongCall, Scope {
  rename?: Record<string, string>;
}

export interface Store extends AsyncDisposable {
  /** Where the store is; absolute. */
  readonly directory: string;
  /** Snapshots any plain directory. The store is left out where it stands in it. */
  snapshot(source: string, options?: SnapshotOptions): Promise<SnapshotResult>;
  /** Snapshots of plain directories, newest first. Those of a disk: `disks.snapshots`. */
  snapshots(): Promise<SnapshotInfo[]>;
  /** By name or id. Code `snapshot_not_found`. */
  getSnapshot(snapshot: string): Promise<SnapshotInfo>;
  /** By name or id; frees what only it needed, as far as whole frames go (`gc` does the rest). Code `snapshot_not_found`. */
  deleteSnapshot(snapshot: string): Promise<{ freedBytes: number }>;
  /**
   * Makes a directory what a snapshot says, and writes only what differs. What is there and not in the snapshot stays, unless
   * `delete` is given. Code `snapshot_not_found`.
   */
  restore(snapshot: string, target: string, options?: RestoreOptions): Promise<RestoreResult>;
  /** `audit`: counts everything anew as well, by other ways, and says what differs. */
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
  /** Gives back what no snapshot and no disk needs. Readers and writers, in other processes too, go on meanwhile. */
  gc(options?: LongCall & { dryRun?: boolean }): Promise<GcReport>;
  /** What separates two trees, in time proportional to the difference; a directory is walked, and nothing is stored. */
  diff(from: DiffSide, to: DiffSide, options?: DiffOptions): Promise<Diff>;
  /** In which snapshots, from the oldest on, what stands at a path was added, changed or removed. */
  log(path: Uint8Array, options?: LongCall & Scope): Promise<PathChange[]>;
  /** Code `path_not_found` when there is nothing at the path. Symlinks are not followed. */
  list(snapshot: string, path: Uint8Array, options?: Scope): Promise<TreeListing>;
  /** The content of a file, in pieces; what is before `offset` is not read. Holes give zeros. */
  read(snapshot: string, path: Uint8Array, options?: ReadOptions): AsyncIterable<Buffer>;
  /** Snapshots as one self-contained stream, in pieces. Delete none of them meanwhile, or the export fails. */
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
