/**
 * The snapshots of a store, told by names alone: a record never changes under its id and says which ref is its own, so only those
 * that came since are read. Where two records would have one ref, one of them is garbage, and the ref is read.
 */
import type { Consistency, SnapshotInfo } from "../api.js";
import type { SnapshotId, TreeId } from "../ids.js";
import { isContentId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { Layout } from "../layout.js";
import type { Files } from "../platform/files.js";
import { WholeFiles, type KeptFiles } from "../platform/whole-files.js";
import type { RefScope } from "./ref-scope.js";
import { newestFirst } from "./record.js";
import { refFile } from "./refs.js";

const idPattern = /^[0-9a-f]{64}$/;
const refPattern = /^[0-9a-f]{32}$/;

/** What a record says, and the name of its ref's file. */
export interface KnownSnapshot extends SnapshotInfo {
  refFile: string;
}

/** In the order of `saidBy`. */
type Said = [
  scope: RefScope,
  refFile: string,
  tree: TreeId,
  logicalBytes: number,
  name: string,
  parent: SnapshotId | null,
  createdAtMs: number,
  comment: string,
  consistency: Consistency,
  files: number,
  directories: number,
  newBytes: number,
];

export interface KeptSnapshots {
  recordsStamp: string | null;
  /** Allocated bytes; and of one that could be read what it says. */
  records: [SnapshotId, number, ...(Said | [])][];
  refs: [scope: RefScope, KeptFiles][];
}

/** Reads what names alone do not tell. */
export interface SnapshotReader {
  scopes: () => RefScope[];
  /** Code `corrupt` when it is not there or damaged. */
  record: (id: SnapshotId) => SnapshotInfo;
  /** The snapshot that a ref leads to; null when it is gone meanwhile. Code `corrupt`. */
  through: (scope: RefScope, file: string) => SnapshotInfo | null;
}

export class KnownSnapshots {
  readonly #files: Files;
  readonly #layout: Layout;
  readonly #reader: SnapshotReader;
  readonly #records: WholeFiles;
  readonly #refs: Map<RefScope, WholeFiles>;
  readonly #known: Map<SnapshotId, KnownSnapshot>;
  /** By scope and file of its ref; null where several have the same. */
  #byRef: Map<string, KnownSnapshot | null> | null = null;
  /** Records that came and went since `keep` was called. */
  unkept = 0;

  constructor(files: Files, layout: Layout, reader: SnapshotReader, kept: KeptSnapshots | null) {
    this.#files = files;
    this.#layout = layout;
    this.#reader = reader;
    this.#records = new WholeFiles(files, layout.records, idPattern, {
      stamp: kept?.recordsStamp ?? null,
      files: kept?.records.map(([id, bytes]) => [id, bytes]) ?? [],
    });
    this.#refs = new Map(kept?.refs.map(([scope, of]) => [scope, this.#refsOf(scope, of)]));
    this.#known = new Map();
    for (const [id, , ...said] of kept?.records ?? []) {
      if (said.length === 0) continue;
      this.#known.set(id, knownAs(id, said));
    }
  }

  /** Of one scope after the other, each from the oldest on. Code `corrupt` when a ref leads to none. */
  all(): KnownSnapshot[] {
    this.look();
    const byRef = (this.#byRef ??= this.#readNew());
    const found: KnownSnapshot[] = [];
    for (const [scope, refs] of this.#refs) {
      const ofScope: KnownSnapshot[] = [];
      for (const file of refs.bytes.keys()) {
        const snapshot = byRef.get(keyOf(scope, file)) ?? this.#throughRef(scope, file);
        if (snapshot !== null) ofScope.push(snapshot);
      }
      found.push(...ofScope.sort((a, b) => newestFirst(b, a)));
    }
    return found;
  }

  /** Allocated bytes of a snapshot's record and ref, as of the last look. */
  filesBytes({ id, diskId, refFile: file }: KnownSnapshot): number {
    return (this.#records.bytes.get(id) ?? 0) + (this.#refs.get(diskId)?.bytes.get(file) ?? 0);
  }

  /** Looks which records and refs there are, without reading any. */
  look(): void {
    if (this.#records.look()) this.#byRef = null;
    const scopes = new Set(this.#reader.scopes());
    for (const scope of this.#refs.keys()) if (!scopes.has(scope)) this.#refs.delete(scope);
    for (const scope of scopes) {
      const refs = this.#refs.get(scope) ?? this.#refsOf(scope);
      this.#refs.set(scope, refs);
      refs.look();
    }
  }

  /** What records and refs take on the filesystem, with their directories, as of the last look. */
  allocatedBytes(): { records: number; refs: Map<RefScope, number> } {
    return {
      records: this.#records.allocatedBytes(),
      refs: new Map([...this.#refs].map(([scope, refs]) => [scope, refs.allocatedBytes()])),
    };
  }

  keep(): KeptSnapshots {
    this.unkept = 0;
    const { stamp, files } = this.#records.keep();
    return {
      recordsStamp: stamp,
      records: files.map(([name, bytes]) => {
        const id = name as SnapshotId;
        const known = this.#known.get(id);
        return known === undefined ? [id, bytes] : [id, bytes, ...saidBy(known)];
      }),
      refs: [...this.#refs].map(([scope, refs]) => [scope, refs.keep()]),
    };
  }

  #refsOf(scope: RefScope, kept?: KeptFiles): WholeFiles {
    const path = scope === null ? `${this.#layout.refs}/snapshots` : `${this.#layout.refs}/disks/${scope}`;
    return new WholeFiles(this.#files, path, refPattern, kept);
  }

  #readNew(): Map<string, KnownSnapshot | null> {
    const names = this.#records.bytes;
    for (const id of this.#known.keys()) if (!names.has(id) && this.#known.delete(id)) this.unkept += 1;
    for (const name of names.keys()) {
      if (!isContentId(name) || this.#known.has(name as SnapshotId)) continue;
      this.unkept += 1;
      const known = this.#read(name as SnapshotId);
      if (known !== null) this.#known.set(known.id, known);
    }
    const byRef = new Map<string, KnownSnapshot | null>();
    for (const known of this.#known.values()) {
      const key = keyOf(known.diskId, known.refFile);
      byRef.set(key, byRef.has(key) ? null : known);
    }
    return byRef;
  }

  /** Null for one that is damaged or gone: who needs it finds that out by its ref. */
  #read(id: SnapshotId): KnownSnapshot | null {
    try {
      return knownOf(this.#reader.record(id));
    } catch (error) {
      if (error instanceof StoreError && error.code === "corrupt") return null;
      throw error;
    }
  }

  #throughRef(scope: RefScope, file: string): KnownSnapshot | null {
    const snapshot = this.#reader.through(scope, file);
    return snapshot === null ? null : knownOf(snapshot);
  }
}

function knownOf(snapshot: SnapshotInfo): KnownSnapshot {
  return { ...snapshot, refFile: refFile(snapshot.name) };
}

function saidBy(known: KnownSnapshot): Said {
  const { diskId, tree, logicalBytes, name, parent, createdAtMs, comment, consistency } = known;
  const { files, directories, newBytes } = known;
  return [
    diskId,
    known.refFile,
    tree,
    logicalBytes,
    name,
    parent,
    createdAtMs,
    comment,
    consistency,
    files,
    directories,
    newBytes,
  ];
}

function knownAs(id: SnapshotId, said: Said): KnownSnapshot {
  const [diskId, file, tree, logicalBytes, name, parent, createdAtMs, comment, consistency, ...counts] = said;
  const [files, directories, newBytes] = counts;
  return {
    id,
    name,
    diskId,
    tree,
    parent,
    createdAtMs,
    comment,
    consistency,
    files,
    directories,
    logicalBytes,
    newBytes,
    refFile: file,
  };
}

function keyOf(scope: RefScope, file: string): string {
  return `${scope ?? ""}/${file}`;
}
