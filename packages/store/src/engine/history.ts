/** Looking into snapshots, comparing them and moving them between stores: the part of the engine behind these calls. */
import type { DiffSide, IdMap, PathChange, Problem, SnapshotInfo, TreeListing } from "../api.js";
import type { TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import { BundleImport } from "../maintenance/bundle-import.js";
import { exportBundle } from "../maintenance/bundle-export.js";
import { copySnapshots } from "../maintenance/copy.js";
import { withDirectory } from "../platform/durable.js";
import { listPath, pathHistory, readPath, treeChanges } from "../snapshot/browse.js";
import { excludePatterns } from "../snapshot/exclude.js";
import { owners } from "../snapshot/owners.js";
import type { Lease } from "../snapshot/lease.js";
import type { RefScope } from "../snapshot/refs.js";
import { Repository } from "../snapshot/repository.js";
import { scan } from "../snapshot/scan.js";
import { loadPreviousWalk, type PreviousWalk } from "../snapshot/stat-cache.js";
import { StorePlace } from "../snapshot/store-place.js";
import { Work } from "../snapshot/work.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { HashingWriter } from "../tree/hashing-writer.js";
import type { Hooks } from "./hooks.js";
import { inGroups, joinBytes, Streams, type StreamHandle } from "./streams.js";

export interface DiffCall {
  diskId?: string | undefined;
  limit?: number | undefined;
  idMap?: IdMap | undefined;
  exclude?: string[] | undefined;
}

export interface ImportCall {
  diskId?: string | undefined;
  rename?: Record<string, string> | undefined;
  contentBytesMax?: number | undefined;
}

/** Changes are small; this many are one message. */
const changesInPiece = 1000;

export class History {
  readonly #repository: Repository;
  readonly #streams = new Streams();
  readonly #imports = new Map<number, BundleImport>();
  #nextImport = 1;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  openDiff(
    hooks: Hooks,
    from: DiffSide,
    to: DiffSide,
    options: DiffCall,
  ): { stream: StreamHandle; problems: Problem[] } {
    const { limit = Infinity } = options;
    requireWhole("limit", limit, 1);
    const repository = this.#repository;
    const work = new Work("scan", hooks);
    const objects = new HashingWriter(repository.chunks);
    const { found, lease } = repository.lease("reader", (pin) =>
      [from, to].map((side) =>
        typeof side === "string"
          ? this.#root(options.diskId ?? null, side, pin)
          : { ...side, previous: loadPreviousWalk(repository, side.directory, options, pin) },
      ),
    );
    return holding(lease, () => {
      const [before, after] = found.map((side) =>
        "directory" in side ? this.#walk(objects, side, options, work) : side,
      ) as [DirectoryTreeEntry, DirectoryTreeEntry];
      const stream = this.#streams.add(lease, (reading) =>
        inGroups(
          first(limit, treeChanges(objects, before, after, new Work("scan", reading))),
          changesInPiece,
        ),
      );
      return { stream, problems: work.allProblems() };
    });
  }

  log(hooks: Hooks, scope: RefScope, path: Uint8Array): PathChange[] {
    const repository = this.#repository;
    const work = new Work("scan", hooks);
    const resolve = (pin: (tree: TreeId) => void): SnapshotInfo[] => {
      const snapshots = repository.listSnapshots(scope).reverse();
      for (const { tree } of snapshots) pin(tree);
      return snapshots;
    };
    return repository.reading(resolve, (snapshots) => pathHistory(repository.chunks, snapshots, path, work));
  }

  list(scope: RefScope, snapshot: string, path: Uint8Array): TreeListing {
    const repository = this.#repository;
    return repository.reading(
      (pin) => this.#root(scope, snapshot, pin),
      (root) => listPath(repository.chunks, root, path),
    );
  }

  openRead(
    scope: RefScope,
    snapshot: string,
    path: Uint8Array,
    range: { offset: number; length: number },
  ): StreamHandle {
    requireWhole("offset", range.offset, 0);
    requireWhole("length", range.length, 0);
    const repository = this.#repository;
    const { found: root, lease } = repository.lease("reader", (pin) => this.#root(scope, snapshot, pin));
    return this.#streams.add(lease, (hooks) => {
      const work = new Work("restore", hooks);
      return joinBytes(counted(readPath(repository.chunks, root, path, range), work));
    });
  }

  openExport(scope: RefScope, snapshots: string[], since: string | null): StreamHandle {
    const repository = this.#repository;
    const { found, lease } = repository.lease("reader", (pin) => {
      const get = (name: string): SnapshotInfo => {
        const snapshot = repository.getSnapshot(scope, name);
        pin(snapshot.tree);
        return snapshot;
      };
      const chosen = new Map(snapshots.map(get).map((snapshot) => [snapshot.id, snapshot]));
      return { chosen: [...chosen.values()], base: since === null ? null : get(since) };
    });
    return this.#streams.add(lease, (hooks) =>
      joinBytes(exportBundle(repository, found.chosen, found.base, new Work("write", hooks))),
    );
  }

  /** The next piece of any stream that was opened, or null after the last. */
  next(hooks: Hooks, stream: StreamHandle): { piece: unknown } | null {
    return this.#streams.next(hooks, stream);
  }

  closeStream(stream: StreamHandle): void {
    this.#streams.close(stream);
  }

  beginImport({ diskId, ...options }: ImportCall): number {
    const handle = this.#nextImport++;
    this.#imports.set(handle, new BundleImport(this.#repository, { ...options, scope: diskId ?? null }));
    return handle;
  }

  importPiece(handle: number, bytes: Uint8Array): void {
    this.#import(handle).push(bytes);
  }

  /** Ends the import in any case. */
  finishImport(hooks: Hooks, handle: number): SnapshotInfo[] {
    try {
      return this.#import(handle).finish(new Work("write", hooks));
    } finally {
      this.abandonImport(handle);
    }
  }

  /** Idempotent. */
  abandonImport(handle: number): void {
    this.#imports.get(handle)?.close();
    this.#imports.delete(handle);
  }

  copyTo(
    hooks: Hooks,
    scope: RefScope,
    directory: string,
    snapshots: string[],
    rename: Record<string, string> | undefined,
  ): SnapshotInfo[] {
    const chosen = snapshots.map((name) => this.#repository.getSnapshot(scope, name));
    const target = Repository.open(this.#repository.files, directory);
    try {
      return copySnapshots(this.#repository, target, chosen, rename, new Work("write", hooks));
    } finally {
      target.close();
    }
  }

  close(): void {
    this.#streams.closeAll();
    for (const handle of [...this.#imports.keys()]) this.abandonImport(handle);
  }

  #import(handle: number): BundleImport {
    const found = this.#imports.get(handle);
    if (found === undefined) throw new StoreError("closed", "the import has ended");
    return found;
  }

  #root(scope: RefScope, snapshot: string, pin: (tree: TreeId) => void): DirectoryTreeEntry {
    return this.#repository.pinRoot(this.#repository.getSnapshot(scope, snapshot), pin);
  }

  /** The tree of a directory as it is now. Nothing is stored: content is only hashed, and not even that where it did not change. */
  #walk(
    objects: HashingWriter,
    { directory, previous }: { directory: string; previous: PreviousWalk | null },
    options: DiffCall,
    work: Work,
  ): DirectoryTreeEntry {
    const { files, layout } = this.#repository;
    const isExcluded = excludePatterns(options.exclude ?? []);
    try {
      return withDirectory(files, directory, (fd) => {
        const { root } = scan(files, objects, fd, {
          owners: owners(options.idMap),
          work,
          previous,
          storePlace: new StorePlace(files, layout.root),
          ...(isExcluded === null ? {} : { isExcluded }),
        });
        // As `readRoot` gives it: under no name.
        return { ...root, name: Buffer.alloc(0) };
      });
    } catch (error) {
      if (!(error instanceof StoreError) || !["ENOENT", "ENOTDIR"].includes(error.data["errno"] as string))
        throw error;
      throw new StoreError("source_not_found", `${directory} is not a directory`, {
        data: { path: directory },
      });
    }
  }
}

/** Releases the lease when `run` fails, and leaves it to the result otherwise. */
function holding<Result>(lease: Lease, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    lease.release();
    throw error;
  }
}

function requireWhole(field: string, value: number, least: number): void {
  if ((Number.isInteger(value) && value >= least) || value === Infinity) return;
  throw new StoreError("invalid_argument", `${field} is ${value}, a whole number from ${least} is needed`, {
    data: { field },
  });
}

function* first<Item>(limit: number, items: Iterable<Item>): Generator<Item> {
  let count = 0;
  for (const item of items) {
    if (count++ >= limit) return;
    yield item;
  }
}

function* counted(pieces: Iterable<Buffer>, work: Work): Generator<Buffer> {
  for (const piece of pieces) {
    work.addBytes(piece.length);
    yield piece;
  }
}
