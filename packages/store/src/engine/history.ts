/** Looking into snapshots and comparing them: the part of the engine behind these calls. */
import type { DiffSide, IdMap, PathChange, Problem, SnapshotInfo, TreeListing } from "../api.js";
import type { TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import { withDirectory } from "../platform/durable.js";
import type { Fd } from "../platform/files.js";
import { listPath, pathHistory, readPath, treeChanges } from "../snapshot/browse.js";
import { excludePatterns } from "../snapshot/exclude.js";
import { owners } from "../snapshot/owners.js";
import type { Lease } from "../snapshot/lease.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import { scan } from "../snapshot/scan.js";
import { loadPreviousWalk, type PreviousWalk } from "../snapshot/stat-cache.js";
import { StorePlace } from "../snapshot/store-place.js";
import { Work } from "../snapshot/work.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { HashingWriter } from "../tree/hashing-writer.js";
import type { Hooks } from "./hooks.js";
import { inGroups, joinBytes, type StreamHandle, type Streams } from "./streams.js";

export interface DiffCall {
  diskId?: string | undefined;
  limit?: number | undefined;
  idMap?: IdMap | undefined;
  exclude?: string[] | undefined;
}

/** Changes are small; this many are one message. */
const changesInPiece = 1000;

export class History {
  readonly #repository: Repository;
  readonly #streams: Streams;

  constructor(repository: Repository, streams: Streams) {
    this.#repository = repository;
    this.#streams = streams;
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

  list(_hooks: Hooks, scope: RefScope, snapshot: string, path: Uint8Array): TreeListing {
    const repository = this.#repository;
    return repository.reading(
      (pin) => this.#root(scope, snapshot, pin),
      (root) => listPath(repository.chunks, root, path),
    );
  }

  openRead(
    _hooks: Hooks,
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
      const walk = (fd: Fd): DirectoryTreeEntry => {
        const { root } = scan(files, objects, fd, {
          owners: owners(options.idMap),
          work,
          previous,
          storePlace: new StorePlace(files, layout.root),
          ...(isExcluded === null ? {} : { isExcluded }),
        });
        // As `readRoot` gives it: under no name.
        return { ...root, name: Buffer.alloc(0) };
      };
      return withDirectory(files, directory, walk, { follow: true });
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
