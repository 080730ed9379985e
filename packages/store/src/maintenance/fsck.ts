/**
 * Checks what FORMAT.md states, and names the snapshots and paths that damage touches. Reads every pack's contents, every
 * index segment, record and ref, and every tree; with `readData` also every frame and chunk.
 */
import type { FsckFinding, FsckReport, SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { digestKey, hash, type Digest } from "../chunk/hash.js";
import { packsIn } from "../pack/index.js";
import { readFrame, readPackContents } from "../pack/reader.js";
import { Segment } from "../pack/segment.js";
import { packPath } from "../pack/writer.js";
import { namesIn, readWhole } from "../platform/durable.js";
import { anywhere } from "../platform/files.js";
import { decodeRecord, treeDigest } from "../snapshot/record.js";
import { refFile, type RefScope } from "../snapshot/refs.js";
import type { Repository } from "../snapshot/repository.js";
import { joinPath, type Work } from "../snapshot/work.js";
import { decodeList } from "../tree/content.js";
import type { FileEntry, TreeEntry } from "../tree/entry.js";
import { readDirectory } from "../tree/directory.js";

/** Damaged paths named for one snapshot; more are only counted, the first ones tell where to look. */
const pathsNamedMax = 20;

interface Damage {
  path: Buffer;
  reason: string;
}

interface NamedSegment {
  object: string;
  segment: Segment;
}

export function checkStore(repository: Repository, work: Work, readData: boolean): FsckReport {
  const startedAt = performance.now();
  const checker = new Checker(repository, work, readData);
  // Writers go on meanwhile, and name what they have stored last. So what names is read before what is named, and nothing
  // is called missing that came too late to be seen.
  const snapshots = checker.snapshots();
  const segments = checker.segments();
  const packs = checker.packs();
  for (const segment of segments) checker.segment(segment, packs);
  for (const snapshot of snapshots) checker.snapshot(snapshot);
  return {
    ok: checker.findings.length === 0,
    findings: checker.findings,
    checkedPacks: checker.checkedPacks,
    checkedChunks: checker.checkedChunks,
    checkedSnapshots: checker.checkedSnapshots,
    durationMs: performance.now() - startedAt,
  };
}

class Checker {
  readonly findings: FsckFinding[] = [];
  checkedPacks = 0;
  checkedChunks = 0;
  checkedSnapshots = 0;
  readonly #repository: Repository;
  readonly #work: Work;
  readonly #readData: boolean;
  /** Chunks found whole in some pack. */
  readonly #present = new Set<string>();
  /** Packs whose contents could be read, and every chunk that these list, damaged or not. */
  readonly #readable = new Set<PackId>();
  readonly #listed = new Set<string>();
  /** Nodes that were walked and found whole with all below. */
  readonly #sound = new Set<string>();

  constructor(repository: Repository, work: Work, readData: boolean) {
    this.#repository = repository;
    this.#work = work;
    this.#readData = readData;
  }

  /** What the refs name. */
  snapshots(): SnapshotInfo[] {
    const { refs } = this.#repository;
    return refs
      .scopes()
      .flatMap((scope) => refs.files(scope).flatMap((file) => this.#named(scope, file) ?? []));
  }

  #named(scope: RefScope, file: string): SnapshotInfo | null {
    const { files, layout, refs } = this.#repository;
    const object = scope === null ? `refs/snapshots/${file}` : `refs/disks/${scope}/${file}`;
    return this.#guard("ref_damaged", object, () => {
      const id = refs.readFile(scope, file);
      if (id === null) return null;
      const bytes = readWhole(files, `${layout.records}/${id}`);
      // Removed meanwhile: first the ref goes, then the record.
      if (bytes === null && refs.readFile(scope, file) !== id) return null;
      if (bytes === null) {
        this.#find("record_missing", `snapshots/${id}`, `named by ${object}`);
        return null;
      }
      return this.#guard("record_unreadable", `snapshots/${id}`, () => {
        const snapshot = decodeRecord(id, bytes);
        if (refFile(snapshot.name) !== file || snapshot.diskId !== scope) {
          throw new StoreError("corrupt", `ref names the record of ${JSON.stringify(snapshot.name)}`);
        }
        return snapshot;
      });
    });
  }

  segments(): NamedSegment[] {
    const { files, layout } = this.#repository;
    return namesIn(files, layout.index).flatMap((name) => {
      const object = `index/${name}`;
      return (
        this.#guard("index_damaged", object, () => {
          const bytes = readWhole(files, `${layout.index}/${name}`);
          // Gone meanwhile: a writer merged it into another.
          return bytes === null ? null : { object, segment: Segment.decode(bytes) };
        }) ?? []
      );
    });
  }

  packs(): ReadonlySet<PackId> {
    const packs = packsIn(this.#repository.files, this.#repository.layout.packs);
    for (const id of packs) {
      this.#work.step();
      this.checkedPacks += 1;
      this.#guard("pack_damaged", `packs/${id}.pack`, () => this.#pack(id));
    }
    return new Set(packs);
  }

  segment({ object, segment }: NamedSegment, packs: ReadonlySet<PackId>): void {
    for (const pack of segment.packs) {
      if (!packs.has(pack.id)) this.#find("pack_missing", `packs/${pack.id}.pack`, `named by ${object}`);
    }
    for (const { id, location } of segment.entries()) {
      if (this.#readable.has(location.pack) && !this.#listed.has(digestKey(id))) {
        const chunk = id.toString("hex");
        this.#find("index_wrong", object, `names chunk ${chunk} that its pack does not hold`);
        return;
      }
    }
  }

  snapshot(snapshot: SnapshotInfo): void {
    this.checkedSnapshots += 1;
    const damages: Damage[] = [];
    this.#directory(treeDigest(snapshot.tree), Buffer.alloc(0), damages);
    for (const { path, reason } of damages.slice(0, pathsNamedMax)) {
      this.#find("tree_damaged", path.toString("utf8"), reason, [snapshot.name]);
    }
    if (damages.length > pathsNamedMax) {
      const more = `${damages.length - pathsNamedMax} more damaged paths`;
      this.#find("tree_damaged", snapshot.tree, more, [snapshot.name]);
    }
  }

  /** True when all of it is whole. */
  #directory(id: Digest, path: Buffer, damages: Damage[]): boolean {
    if (this.#sound.has(digestKey(id))) return true;
    this.#work.step();
    const before = damages.length;
    try {
      for (const entry of readDirectory(this.#repository.chunks, id)) {
        this.#entry(entry, joinPath(path, entry.name), damages);
      }
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === "aborted") throw error;
      damages.push({ path, reason: error.message });
    }
    const sound = damages.length === before;
    if (sound) this.#sound.add(digestKey(id));
    return sound;
  }

  #entry(entry: TreeEntry, path: Buffer, damages: Damage[]): void {
    if (entry.type === "directory") {
      this.#directory(entry.id, path, damages);
      return;
    }
    if (entry.type !== "file" || entry.content === null) return;
    const reason = this.#content(entry);
    if (reason !== null) damages.push({ path, reason });
  }

  #content(entry: FileEntry): string | null {
    const content = entry.content as NonNullable<FileEntry["content"]>;
    const visit = (id: Digest, depth: number, bytes: number): string | null => {
      if (!this.#present.has(digestKey(id))) return `chunk ${id.toString("hex")} is missing or damaged`;
      if (depth === 0) return null;
      const items = decodeList(this.#repository.chunks.get(id));
      if (items.reduce((total, item) => total + item.length, 0) !== bytes)
        return "chunk list has the wrong length";
      for (const item of items) {
        if (item.kind === "hole") continue;
        const reason = visit(item.id, item.kind === "chunk" ? 0 : depth - 1, item.length);
        if (reason !== null) return reason;
      }
      return null;
    };
    try {
      return visit(content.id, content.depth, entry.sizeBytes);
    } catch (error) {
      return (error as Error).message;
    }
  }

  #pack(id: PackId): void {
    const { files, layout } = this.#repository;
    const fd = files.open(anywhere, packPath(layout.packs, id));
    try {
      const contents = readPackContents(files, fd, id);
      this.#readable.add(id);
      for (const chunk of contents.chunks) this.#listed.add(digestKey(chunk.id));
      if (!this.#readData) {
        for (const chunk of contents.chunks) this.#present.add(digestKey(chunk.id));
        this.checkedChunks += contents.chunks.length;
        return;
      }
      const inOrder = [...contents.chunks].sort((a, b) => a.frame - b.frame || a.offset - b.offset);
      let number = -1;
      let plain: Buffer | null = null;
      for (const chunk of inOrder) {
        this.#work.step();
        if (chunk.frame !== number) {
          number = chunk.frame;
          plain = this.#frame(id, number, () =>
            readFrame(files, fd, contents.frames[number] as (typeof contents.frames)[number]),
          );
        }
        if (plain === null) continue;
        this.checkedChunks += 1;
        const bytes = plain.subarray(chunk.offset, chunk.offset + chunk.length);
        this.#work.addBytes(bytes.length);
        if (hash(bytes).equals(chunk.id)) this.#present.add(digestKey(chunk.id));
        else
          this.#find(
            "chunk_damaged",
            `packs/${id}.pack`,
            `chunk ${chunk.id.toString("hex")} has other content`,
          );
      }
    } finally {
      files.close(fd);
    }
  }

  #frame(pack: PackId, number: number, read: () => Buffer): Buffer | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
      this.#find("frame_damaged", `packs/${pack}.pack`, `frame ${number}: ${error.message}`);
      return null;
    }
  }

  /** Null where what runs has found damage. */
  #guard<Result>(code: string, object: string, run: () => Result): Result | null {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === "aborted") throw error;
      this.#find(code, object, error.message);
      return null;
    }
  }

  #find(code: string, object: string, message: string, snapshots: string[] = []): void {
    this.findings.push({ code, object, message, snapshots });
  }
}
