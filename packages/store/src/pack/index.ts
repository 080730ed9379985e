/**
 * The index of a store: the segments on disk, and the packs that no segment names yet, whose own contents are read
 * instead. The index is a cache: everything in it can be read from the packs again. A segment that cannot be read is
 * passed over and its packs are read; `fsck` tells of it.
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { digestKey, hash, type Digest } from "../chunk/hash.js";
import { indexSegmentsMax } from "../limits.js";
import { namesIn, readWhole, removeIfPresent, syncDirectory, writeDurably } from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { readPackContents } from "./reader.js";
import {
  encodeSegment,
  rowsOfPack,
  Segment,
  type IndexedPack,
  type Location,
  type SegmentRow,
} from "./segment.js";
import { packPath, type WrittenPack } from "./writer.js";

interface LoadedSegment {
  name: string;
  segment: Segment;
}

export class PackIndex {
  readonly #files: Files;
  readonly #packDirectory: string;
  readonly #indexDirectory: string;
  #segments: LoadedSegment[] = [];
  /** Packs that a segment names and that are gone: what they held counts as missing, so that it can be stored again. */
  #absent = new Set<PackId>();
  /** Packs that no segment on disk names: written by this process just now, or by one that died before indexing. */
  #loose = new Map<PackId, WrittenPack>();
  #foundLoose = false;
  readonly #looseChunks = new Map<string, Location>();

  private constructor(files: Files, packDirectory: string, indexDirectory: string) {
    this.#files = files;
    this.#packDirectory = packDirectory;
    this.#indexDirectory = indexDirectory;
  }

  static open(files: Files, packDirectory: string, indexDirectory: string): PackIndex {
    const index = new PackIndex(files, packDirectory, indexDirectory);
    index.reload();
    return index;
  }

  /** Reads what other processes have written since. Segments are immutable, so known ones are kept. */
  reload(): void {
    const known = new Map(this.#segments.map((loaded) => [loaded.name, loaded]));
    const segments: LoadedSegment[] = [];
    for (const name of segmentsIn(this.#files, this.#indexDirectory)) {
      const loaded = known.get(name) ?? this.#load(name);
      if (loaded !== null) segments.push(loaded);
    }
    this.#segments = segments;
    // Listed after the segments: a pack is there before a segment names it.
    const present = new Set(packsIn(this.#files, this.#packDirectory));
    const indexed = new Set(segments.flatMap(({ segment }) => segment.packs.map((pack) => pack.id)));
    this.#absent = new Set([...indexed].filter((id) => !present.has(id)));
    const loose = this.#loose;
    this.#loose = new Map();
    this.#looseChunks.clear();
    for (const id of present) {
      if (indexed.has(id)) continue;
      const pack = loose.get(id) ?? this.#readLoose(id);
      if (!loose.has(id)) this.#foundLoose = true;
      if (pack !== null) this.addPack(pack);
    }
  }

  find(id: Digest): Location | null {
    for (const { segment } of this.#segments) {
      const location = segment.find(id);
      if (location !== null && !this.#absent.has(location.pack)) return location;
    }
    return this.#loose.size === 0 ? null : (this.#looseChunks.get(digestKey(id)) ?? null);
  }

  /** Makes a pack that is durable known here; `save` makes the knowledge durable. */
  addPack(pack: WrittenPack): void {
    this.#loose.set(pack.id, pack);
    for (const chunk of pack.chunks) {
      this.#looseChunks.set(digestKey(chunk.id), {
        pack: pack.id,
        frame: chunk.frame,
        offset: chunk.offset,
        length: chunk.length,
      });
    }
  }

  /** Every pack the index knows. */
  packs(): IndexedPack[] {
    const packs = new Map<PackId, IndexedPack>();
    for (const { segment } of this.#segments) for (const pack of segment.packs) packs.set(pack.id, pack);
    for (const pack of this.#loose.values()) packs.set(pack.id, rowsOfPack(pack, pack.fileBytes, 0).pack);
    return [...packs.values()];
  }

  *entries(): Generator<{ id: Digest; location: Location }> {
    for (const { segment } of this.#segments) yield* segment.entries();
    for (const pack of this.#loose.values()) {
      for (const chunk of pack.chunks) yield { id: chunk.id, location: { pack: pack.id, ...chunk } };
    }
  }

  /** Writes a segment for the packs that have none, and merges segments when there are many. */
  save(): void {
    if (this.#loose.size === 0) return;
    const packs: IndexedPack[] = [];
    const rows: SegmentRow[] = [];
    for (const pack of this.#loose.values()) {
      const of = rowsOfPack(pack, pack.fileBytes, packs.length);
      packs.push(of.pack);
      for (const row of of.rows) rows.push(row);
    }
    // Merging only as many of the smallest as are about the size of what is new keeps the total work logarithmic.
    const merged: LoadedSegment[] = [];
    const bySize = [...this.#segments].sort((a, b) => a.segment.chunkCount - b.segment.chunkCount);
    for (const loaded of bySize) {
      const many = this.#segments.length - merged.length >= indexSegmentsMax;
      if (!many && loaded.segment.chunkCount > 2 * rows.length) break;
      merged.push(loaded);
      appendSegment(loaded.segment, packs, rows, this.#absent);
    }
    this.#replace(
      merged.map(({ name }) => name),
      packs,
      rows,
    );
  }

  /** Replaces every segment on disk, also those that cannot be read, by one that says what these packs say of themselves. */
  rebuild(whole: WrittenPack[]): void {
    const packs: IndexedPack[] = [];
    const rows: SegmentRow[] = [];
    for (const pack of whole) {
      const of = rowsOfPack(pack, pack.fileBytes, packs.length);
      packs.push(of.pack);
      for (const row of of.rows) rows.push(row);
    }
    this.#replace(segmentsIn(this.#files, this.#indexDirectory), packs, rows);
  }

  /** Rewrites the whole index without the packs named; the caller deletes these afterwards, never before. */
  drop(gone: ReadonlySet<PackId>): void {
    const packs: IndexedPack[] = [];
    const rows: SegmentRow[] = [];
    for (const pack of this.#loose.values()) {
      if (gone.has(pack.id)) continue;
      const of = rowsOfPack(pack, pack.fileBytes, packs.length);
      packs.push(of.pack);
      for (const row of of.rows) rows.push(row);
    }
    for (const { segment } of this.#segments) appendSegment(segment, packs, rows, gone);
    this.#replace(
      this.#segments.map(({ name }) => name),
      packs,
      rows,
    );
  }

  #replace(merged: string[], packs: IndexedPack[], rows: SegmentRow[]): void {
    // A writer that died between naming a pack and making the name durable left that to whoever relies on the pack.
    if (this.#foundLoose) syncDirectory(this.#files, this.#packDirectory);
    this.#foundLoose = false;
    const names = new Set(merged);
    let added: LoadedSegment | null = null;
    if (packs.length > 0) {
      const bytes = encodeSegment(packs, rows);
      const name = `${hash(bytes).toString("hex", 0, 16)}.idx`;
      writeDurably(this.#files, this.#indexDirectory, name, bytes);
      added = { name, segment: Segment.decode(bytes) };
      names.delete(name);
    }
    for (const name of names) removeIfPresent(this.#files, anywhere, `${this.#indexDirectory}/${name}`);
    // Also when there was nothing left to remove: whoever removed it may have died before that was durable, and a segment
    // that comes back would name packs that are deleted next.
    if (names.size > 0 || added === null) syncDirectory(this.#files, this.#indexDirectory);
    const gone = new Set(merged);
    this.#segments = this.#segments.filter(({ name }) => !gone.has(name) && name !== added?.name);
    if (added !== null) this.#segments.push(added);
    this.#loose = new Map();
    this.#looseChunks.clear();
  }

  #load(name: string): LoadedSegment | null {
    const bytes = readWhole(this.#files, `${this.#indexDirectory}/${name}`);
    if (bytes === null) return null;
    try {
      return { name, segment: Segment.decode(bytes) };
    } catch (error) {
      if (isIllegible(error)) return null;
      throw error;
    }
  }

  #readLoose(id: PackId): WrittenPack | null {
    try {
      const fd = this.#files.open(anywhere, packPath(this.#packDirectory, id));
      try {
        return { ...readPackContents(this.#files, fd, id), fileBytes: this.#files.statOpen(fd).sizeBytes };
      } finally {
        this.#files.close(fd);
      }
    } catch (error) {
      // A damaged pack must not keep the store from opening; its chunks are missing then, and fsck names it.
      if (isErrno(error, "ENOENT") || isIllegible(error)) return null;
      throw error;
    }
  }
}

function appendSegment(
  segment: Segment,
  packs: IndexedPack[],
  rows: SegmentRow[],
  gone: ReadonlySet<PackId> = new Set(),
): void {
  const numbers = new Map<PackId, number>();
  for (const pack of segment.packs) {
    if (gone.has(pack.id)) continue;
    numbers.set(pack.id, packs.length);
    packs.push(pack);
  }
  for (const { id, location } of segment.entries()) {
    const pack = numbers.get(location.pack);
    if (pack === undefined) continue;
    rows.push({ id, pack, frame: location.frame, offset: location.offset, length: location.length });
  }
}

/** What says that its version is another is damaged, too: `format.json` says which versions a store has. */
function isIllegible(error: unknown): boolean {
  return error instanceof StoreError && ["corrupt", "store_version_unsupported"].includes(error.code);
}

/** The names of the segments in a directory. */
function segmentsIn(files: Files, directory: string): string[] {
  return namesIn(files, directory).filter((name) => /^[0-9a-f]{32}\.idx$/.test(name));
}

/** The ids of the packs in a directory. */
export function packsIn(files: Files, directory: string): PackId[] {
  return namesIn(files, directory)
    .filter((name) => /^[0-9a-f]{64}\.pack$/.test(name))
    .map((name) => name.slice(0, -5) as PackId);
}
