/** Looking into snapshots, comparing them and moving them between stores: the part of the engine behind these calls. */
import type { DiffSide, IdMap, PathChange, Problem, SnapshotInfo, TreeListing } from "../api.js";
import { StoreError } from "../errors.js";
import { BundleImport } from "../maintenance/bundle-import.js";
import { exportBundle } from "../maintenance/bundle-export.js";
import { copySnapshots } from "../maintenance/copy.js";
import { withDirectory } from "../platform/durable.js";
import { listPath, pathHistory, readPath, treeChanges } from "../snapshot/browse.js";
import { excludePatterns } from "../snapshot/exclude.js";
import { owners } from "../snapshot/owners.js";
import { treeDigest } from "../snapshot/record.js";
import type { RefScope } from "../snapshot/refs.js";
import { Repository } from "../snapshot/repository.js";
import { scan } from "../snapshot/scan.js";
import { loadPreviousWalk } from "../snapshot/stat-cache.js";
import { StorePlace } from "../snapshot/store-place.js";
import { Work } from "../snapshot/work.js";
import { readRoot } from "../tree/directory.js";
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
    const [before, after] = repository.withObjects(() =>
      [from, to].map((side) =>
        typeof side === "string"
          ? this.#root(options.diskId ?? null, side)
          : this.#walk(objects, side.directory, options, work),
      ),
    ) as [DirectoryTreeEntry, DirectoryTreeEntry];
    const stream = this.#streams.add((reading) =>
      inGroups(first(limit, treeChanges(objects, before, after, new Work("scan", reading))), changesInPiece),
    );
    return { stream, problems: work.allProblems() };
  }

  log(hooks: Hooks, scope: RefScope, path: Uint8Array): PathChange[] {
    const repository = this.#repository;
    const work = new Work("scan", hooks);
    return repository.withObjects(() =>
      pathHistory(repository.chunks, repository.listSnapshots(scope).reverse(), path, work),
    );
  }

  list(scope: RefScope, snapshot: string, path: Uint8Array): TreeListing {
    const repository = this.#repository;
    return repository.withObjects(() => listPath(repository.chunks, this.#root(scope, snapshot), path));
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
    const root = repository.withObjects(() => this.#root(scope, snapshot));
    return this.#streams.add((hooks) => {
      const work = new Work("restore", hooks);
      return joinBytes(counted(readPath(repository.chunks, root, path, range), work));
    });
  }

  openExport(scope: RefScope, snapshots: string[], since: string | null): StreamHandle {
    const repository = this.#repository;
    const get = (name: string): SnapshotInfo => repository.getSnapshot(scope, name);
    const chosen = [...new Map(snapshots.map(get).map((snapshot) => [snapshot.id, snapshot])).values()];
    const base = since === null ? null : get(since);
    return this.#streams.add((hooks) =>
      joinBytes(exportBundle(repository, chosen, base, new Work("write", hooks))),
    );
  }

  /** The next piece of any stream that was opened, or null after the last. */
  next(hooks: Hooks, stream: StreamHandle): { piece: unknown } | null {
    return this.#repository.withObjects(() => this.#streams.next(hooks, stream));
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

  #root(scope: RefScope, snapshot: string): DirectoryTreeEntry {
    const { tree } = this.#repository.getSnapshot(scope, snapshot);
    return readRoot(this.#repository.chunks, treeDigest(tree));
  }

  /** The tree of a directory as it is now. Nothing is stored: content is only hashed, and not even that where it did not change. */
  #walk(objects: HashingWriter, directory: string, options: DiffCall, work: Work): DirectoryTreeEntry {
    const { files, layout } = this.#repository;
    const isExcluded = excludePatterns(options.exclude ?? []);
    try {
      return withDirectory(files, directory, (fd) => {
        const { root } = scan(files, objects, fd, {
          owners: owners(options.idMap),
          work,
          previous: loadPreviousWalk(this.#repository, directory, options),
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
