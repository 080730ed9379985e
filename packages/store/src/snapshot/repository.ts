/**
 * The parts of an open store that snapshots consist of: objects, records and refs, with the order in which they become
 * durable (objects, record, ref). Synchronous; runs in the engine.
 */
import type { Consistency, SnapshotInfo } from "../api.js";
import type { Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { isContentId, type SnapshotId, type TreeId } from "../ids.js";
import { layoutOf, type Layout } from "../layout.js";
import { recordsKept } from "../limits.js";
import { Chunks, type ChunkWriter } from "../pack/chunks.js";
import { namesIn, readWhole, removeIfPresent, syncDirectories, withDirectory } from "../platform/durable.js";
import { anywhere, type Files } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import { syncContents } from "../platform/staged-file.js";
import { readRoot } from "../tree/directory.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { requireStore } from "./format-file.js";
import { KeptRegions } from "./kept-regions.js";
import { Lease, type LeaseKind } from "./lease.js";
import { prepareSnapshot, type Alongside, type Publication } from "./publication.js";
import {
  checkComment,
  checkSnapshotName,
  decodeRecord,
  newestFirst,
  treeDigest,
  type SnapshotRecord,
} from "./record.js";
import type { RefScope } from "./ref-scope.js";
import { refFile, Refs } from "./refs.js";

export interface NewSnapshot {
  scope: RefScope;
  /** Default: made from the time. */
  name?: string | undefined;
  comment?: string | undefined;
  consistency: Consistency;
  parent: SnapshotId | null;
}

export class Repository {
  readonly layout: Layout;
  readonly files: Files;
  readonly chunks: Chunks;
  readonly refs: Refs;
  /** What parts of the store take on the filesystem. */
  readonly regions: KeptRegions;
  /** Records that were read. Their ids are made from their bytes, so they never change; whether there is one its ref tells. */
  readonly #records = new Map<SnapshotId, SnapshotInfo>();

  private constructor(files: Files, layout: Layout) {
    this.files = files;
    this.layout = layout;
    this.chunks = new Chunks(files, layout.packs, layout.index);
    this.refs = new Refs(files, layout.refs, layout.refsLock);
    this.regions = new KeptRegions(files, layout.cache);
  }

  static open(files: Files, root: string): Repository {
    const layout = layoutOf(root);
    requireStore(files, root, layout);
    return new Repository(files, layout);
  }

  /** Runs while nothing is collected. For what is short: collection waits meanwhile. */
  withObjects<Result>(run: () => Result): Result {
    return withLock(this.files, this.layout.objectsLock, "shared", () => {
      this.chunks.reload();
      return run();
    });
  }

  /**
   * For what takes long: collection runs beside it, and keeps every tree that `resolve` pins until the lease is released.
   * `resolve` is called while nothing is collected.
   */
  lease<Found>(
    kind: LeaseKind,
    resolve: (pin: (tree: TreeId) => void) => Found,
  ): { found: Found; lease: Lease } {
    return this.withObjects(() => {
      const trees = new Set<TreeId>();
      const found = resolve((tree) => trees.add(tree));
      return { found, lease: Lease.take(this.files, this.layout, kind, trees) };
    });
  }

  /** For a lease: the root of a snapshot's tree, which stays. */
  pinRoot(snapshot: SnapshotInfo, pin: (tree: TreeId) => void): DirectoryTreeEntry {
    pin(snapshot.tree);
    return readRoot(this.chunks, treeDigest(snapshot.tree));
  }

  reading<Found, Result>(
    resolve: (pin: (tree: TreeId) => void) => Found,
    run: (found: Found) => Result,
  ): Result {
    const { found, lease } = this.lease("reader", resolve);
    try {
      return run(found);
    } finally {
      lease.release();
    }
  }

  writing<Found, Result>(
    resolve: (pin: (tree: TreeId) => void) => Found,
    run: (found: Found, lease: Lease) => Result,
  ): Result {
    const { found, lease } = this.lease("writer", resolve);
    try {
      return run(found, lease);
    } finally {
      lease.release();
    }
  }

  /**
   * Stores what `build` puts into its writer, and publishes what needs it, while nothing is collected. When a collection took
   * away meanwhile what was found stored, `build` runs once more, and this time collection waits.
   */
  store<Built, Result>(
    lease: Lease,
    build: (writer: ChunkWriter) => Built,
    prepare: (built: Built, packBytes: number) => Publication<Result>,
  ): Result {
    const undisturbed = <Outcome>(run: () => Outcome): Outcome =>
      withLock(this.files, this.layout.objectsLock, "shared", run);
    const attempt = (): { result: Result } | null => {
      const writer = this.chunks.writer((pack) => lease.addPack(pack), undisturbed);
      let publication: Publication<Result> | null = null;
      try {
        const built = build(writer);
        const packs = writer.seal();
        publication = prepare(built, writer.packBytes);
        const { contents = [], filesystem = null } = publication;
        syncContents(this.files, [...packs, ...contents], filesystem);
        return undisturbed(() => {
          if (!writer.isWhole()) return null;
          const { name, publish } = publication as Publication<Result>;
          const sync = (directories: string[]): void =>
            syncDirectories(this.files, [...directories, ...writer.directories()]);
          writer.name();
          if (name === undefined) sync([]);
          else name(sync);
          writer.end();
          return { result: publish() };
        });
      } finally {
        publication?.discard?.();
        writer.abort();
      }
    };
    const done = attempt() ?? this.withObjects(attempt);
    if (done === null) throw new StoreError("corrupt", "packs were removed by somebody who did not ask");
    return done.result;
  }

  /**
   * Makes what `build` stored, and the record, durable, then the ref. Nothing of it can be seen before the last step; if any
   * step fails, nothing of it stays but objects that collection removes. `build` may be run twice, as `store` says, and so may
   * `alongside`, which is asked after it for what else is to be durable before the ref.
   */
  addSnapshot(
    lease: Lease,
    wanted: NewSnapshot,
    build: (writer: ChunkWriter) => { tree: Digest; root: DirectoryTreeEntry },
    alongside: (tree: TreeId) => Alongside | null = () => null,
  ): SnapshotInfo {
    const createdAtMs = Date.now();
    const name = wanted.name ?? this.#freeName(wanted.scope, createdAtMs);
    checkSnapshotName(name);
    checkComment(wanted.comment ?? "");
    this.#refuseTaken(wanted.scope, name);
    return this.store(lease, build, ({ tree, root }, newBytes) => {
      const record = {
        diskId: wanted.scope,
        tree: tree.toString("hex") as TreeId,
        parent: wanted.parent,
        createdAtMs,
        comment: wanted.comment ?? "",
        consistency: wanted.consistency,
        files: root.sums.files,
        directories: root.sums.directories,
        logicalBytes: root.sums.logicalBytes,
        newBytes,
      };
      const other = alongside(record.tree);
      const publication = prepareSnapshot(this, { ...record, name }, other);
      const publish = (): SnapshotInfo => {
        try {
          return publication.publish();
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== "ref_conflict") throw error;
          if (wanted.name !== undefined) this.#refuseTaken(wanted.scope, name);
          // Another process took the name of this second; nobody asked for it in particular.
          return this.#publish({ ...record, name: this.#freeName(wanted.scope, createdAtMs) });
        }
      };
      return { ...publication, publish };
    });
  }

  /** Publishes a record whose objects are durable. Code `snapshot_name_taken` when its name stands for another one. */
  addRecord(record: SnapshotRecord): SnapshotInfo {
    checkSnapshotName(record.name);
    checkComment(record.comment);
    try {
      return this.#publish(record);
    } catch (error) {
      if (error instanceof StoreError && error.code === "ref_conflict")
        this.#refuseTaken(record.diskId, record.name);
      throw error;
    }
  }

  #publish(record: SnapshotRecord): SnapshotInfo {
    const publication = prepareSnapshot(this, record, null);
    try {
      syncContents(this.files, publication.contents, null);
      publication.name((directories) => syncDirectories(this.files, directories));
      return publication.publish();
    } finally {
      publication.discard();
    }
  }

  /** Code `snapshot_not_found` when neither a name nor an id of the scope matches. */
  getSnapshot(scope: RefScope, nameOrId: string): SnapshotInfo {
    const file = isContentId(nameOrId)
      ? this.refs.files(scope).find((known) => this.refs.readFile(scope, known) === nameOrId)
      : refFile(nameOrId);
    const snapshot = file === undefined ? null : this.readThrough(scope, file);
    if (snapshot === null) {
      throw new StoreError("snapshot_not_found", `there is no snapshot ${JSON.stringify(nameOrId)}`, {
        data: { snapshot: nameOrId },
      });
    }
    return snapshot;
  }

  /** Newest first. */
  listSnapshots(scope: RefScope): SnapshotInfo[] {
    return this.refs
      .files(scope)
      .flatMap((file) => this.readThrough(scope, file) ?? [])
      .sort(newestFirst);
  }

  /** Id of the newest, or null. Reads all refs only where another process has changed any since it was last asked. */
  newestSnapshot(scope: RefScope): SnapshotId | null {
    const recent = this.refs.recent.get(scope);
    const [newest] = recent?.map((id) => this.readRecord(id)).sort(newestFirst) ?? this.listSnapshots(scope);
    this.refs.recent.keep(scope, newest === undefined ? [] : [newest.id]);
    return newest?.id ?? null;
  }

  /** Of every scope. */
  allSnapshots(): SnapshotInfo[] {
    return this.refs.scopes().flatMap((scope) => this.listSnapshots(scope));
  }

  /** Removes ref, then record, and returns the allocated bytes of both. The objects stay until they are collected. */
  removeSnapshot(snapshot: SnapshotInfo): number {
    const freedBytes = this.snapshotFilesBytes(snapshot);
    this.refs.swap(snapshot.diskId, snapshot.name, snapshot.id, null);
    withDirectory(this.files, this.layout.records, (directory) => {
      removeIfPresent(this.files, directory, snapshot.id);
      this.files.sync(directory);
    });
    return freedBytes;
  }

  /** Allocated bytes of a snapshot's record and ref. */
  snapshotFilesBytes(snapshot: SnapshotInfo): number {
    const record = `${this.layout.records}/${snapshot.id}`;
    return [record, this.refs.path(snapshot.diskId, snapshot.name)].reduce(
      (total, path) => total + this.files.stat(anywhere, path).allocatedBytes,
      0,
    );
  }

  /** Null when another process has removed the snapshot meanwhile: first its ref goes, then its record. */
  readThrough(scope: RefScope, file: string): SnapshotInfo | null {
    const id = this.refs.readFile(scope, file);
    if (id === null) return null;
    try {
      return this.readRecord(id);
    } catch (error) {
      if (this.refs.readFile(scope, file) !== id) return null;
      throw error;
    }
  }

  readRecord(id: SnapshotId): SnapshotInfo {
    const known = this.#records.get(id);
    if (known !== undefined) return { ...known };
    const bytes = readWhole(this.files, `${this.layout.records}/${id}`);
    if (bytes === null) throw new StoreError("corrupt", `snapshot record ${id} is missing`, { data: { id } });
    const record = decodeRecord(id, bytes);
    if (this.#records.size >= recordsKept) this.#records.clear();
    this.#records.set(id, record);
    return { ...record };
  }

  /** Ids of all records on disk, those no ref names included. */
  recordIds(): SnapshotId[] {
    return namesIn(this.files, this.layout.records).filter(isContentId) as SnapshotId[];
  }

  close(): void {
    this.chunks.close();
  }

  #freeName(scope: RefScope, timeMs: number): string {
    const stamp = new Date(timeMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
    for (let n = 1; ; n++) {
      const name = n === 1 ? `snapshot-${stamp}` : `snapshot-${stamp}-${n}`;
      if (this.refs.read(scope, name) === null) return name;
    }
  }

  #refuseTaken(scope: RefScope, name: string): void {
    if (this.refs.read(scope, name) === null) return;
    throw new StoreError("snapshot_name_taken", `there already is a snapshot ${JSON.stringify(name)}`, {
      data: { name },
    });
  }
}
