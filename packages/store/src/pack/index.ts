/**
 * The index of a store: the segments on disk, and the packs that no segment names yet, whose own contents are read
 * instead. The index is a cache: everything in it can be read from the packs again. A segment that cannot be read is
 * passed over and its packs are read; `fsck` tells of it.
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import type { Digest } from "../chunk/hash.js";
import { indexSegmentsMax, looseRowsMax, segmentRowsMax } from "../limits.js";
import { namesMatching, removeIfPresent, syncDirectory } from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import type { StagedFile } from "../platform/staged-file.js";
import { LoosePacks } from "./loose-packs.js";
import { readPackContents } from "./reader.js";
import type { IndexedPack } from "./segment-format.js";
import { stageSegment, writeSegment } from "./segment-file.js";
import { Segment, type Location } from "./segment.js";
import { packPath, type WrittenPack } from "./writer.js";

interface NamedSegment {
  name: string;
  segment: Segment;
}

/** A segment under a passing name, with what it takes in. */
export interface StagedIndex {
  file: StagedFile;
  name: string;
  merged: string[];
  /** Of the index at which it says all. */
  generation: number;
}

/** The names in both directories, as they were last read, and what this process has done to them since. */
interface Listing {
  segments: Set<string>;
  packs: Set<PackId>;
}

export class PackIndex {
  readonly #files: Files;
  readonly #packDirectory: string;
  readonly #indexDirectory: string;
  readonly #looseRowsMax: number;
  #listing: Listing = { segments: new Set(), packs: new Set() };
  #isLoaded = false;
  /** On disk, the longest first: it has most of what is looked for. */
  #segments: NamedSegment[] = [];
  /** Names of segments on disk that are not used because they are damaged. */
  readonly #passedOver = new Set<string>();
  /** Packs that no segment on disk names: written by this process just now, or by one that died before indexing. In memory. */
  readonly #loose = new LoosePacks();
  #foundLoose = false;
  #generation = 0;
  #losses = 0;
  /** Packs that a segment names and that are gone: what they held counts as missing, so that it can be stored again. */
  #absent = new Set<PackId>();
  /** Packs that were dropped and are still to be deleted. */
  #dropped = new Set<PackId>();

  private constructor(files: Files, packDirectory: string, indexDirectory: string, rowsMax: number) {
    this.#files = files;
    this.#packDirectory = packDirectory;
    this.#indexDirectory = indexDirectory;
    this.#looseRowsMax = rowsMax;
  }

  static open(
    files: Files,
    packDirectory: string,
    indexDirectory: string,
    rowsMax = looseRowsMax,
  ): PackIndex {
    const index = new PackIndex(files, packDirectory, indexDirectory, rowsMax);
    index.reload();
    return index;
  }

  /** Reads what other processes have written since, and returns whether there was anything. Costs two listings when there was not. */
  reload(): boolean {
    // In this order: a pack is durable before a segment names it, so each pack that is named will be seen.
    const segments = segmentsIn(this.#files, this.#indexDirectory);
    const packs = packsIn(this.#files, this.#packDirectory);
    const known = this.#listing;
    if (this.#isLoaded && isSame(known.segments, segments) && isSame(known.packs, packs)) return false;
    this.#isLoaded = false;
    this.#loadSegments(segments.sort());
    this.#takeInLoose(packs.sort());
    const found = new Set(packs);
    if ([...known.packs].some((id) => !found.has(id))) this.#losses += 1;
    this.#listing = { segments: new Set(segments), packs: found };
    this.#isLoaded = true;
    return true;
  }

  has(id: Digest): boolean {
    if (this.#absent.size > 0) return this.find(id) !== null;
    for (;;) {
      try {
        for (const { segment } of this.#segments) if (segment.has(id)) return true;
        return this.#loose.has(id);
      } catch (error) {
        this.#passOverDamaged(error);
      }
    }
  }

  find(id: Digest): Location | null {
    for (;;) {
      try {
        for (const { segment } of this.#segments) {
          const location = segment.find(id);
          if (location !== null && !this.#absent.has(location.pack)) return location;
        }
        return this.#loose.find(id);
      } catch (error) {
        this.#passOverDamaged(error);
      }
    }
  }

  /** True when the pack is there as far as the index knows. */
  hasPack(id: PackId): boolean {
    return this.isThere(id) && this.#all().some(({ packs }) => packs.some((pack) => pack.id === id));
  }

  /** Makes a pack that is durable known here; `save` writes the knowledge down. Saves by itself when that is much. */
  addPack(pack: WrittenPack): void {
    this.#addLoose(pack);
    // Else one that is gone by the next reading would not be missed.
    this.#listing.packs.add(pack.id);
    if (this.#loose.rowCount > this.#looseRowsMax) this.save();
  }

  /** What `save` would write once these packs are added, so that it may become durable with them. Null when it would write nothing. */
  stage(packs: readonly WrittenPack[]): StagedIndex | null {
    let staged: StagedIndex | null = null;
    this.#withoutDamaged(() => {
      const added = packs.map((pack) => Segment.ofPack(pack));
      const rows = added.reduce((total, { chunkCount }) => total + chunkCount, this.#loose.rowCount);
      if (rows === 0) return;
      const merged = chooseMerged(this.#segments, rows);
      const segments = [...added, ...this.#loose.segments, ...merged.map(({ segment }) => segment)];
      const segment = stageSegment(this.#files, this.#indexDirectory, segments, this.#absent);
      const generation = this.#generation + packs.length;
      if (segment !== null) staged = { ...segment, merged: namesOf(merged), generation };
    });
    return staged;
  }

  /** `save`, once the packs were added; with what was staged, unless anything else happened to the index since. */
  saveStaged(staged: StagedIndex | null): void {
    if (staged === null || staged.generation !== this.#generation) {
      staged?.file.discard();
      this.save();
      return;
    }
    this.#settleLoose();
    staged.file.name(staged.name);
    this.#exchange(staged.merged, [staged.name]);
  }

  /** False for a pack that segments name although it is gone. */
  isThere(id: PackId): boolean {
    return !this.#absent.has(id);
  }

  /** Changes when packs come or go, and when the index names anything at another place. */
  get generation(): number {
    return this.#generation;
  }

  /** How often packs that had been there were found gone. While it stays, so does everything that was found stored. */
  get losses(): number {
    return this.#losses;
  }

  /** The packs that are there. */
  presentPacks(): Set<PackId> {
    const present = new Set(this.#all().flatMap(({ packs }) => packs.map(({ id }) => id)));
    for (const id of this.#absent) present.delete(id);
    return present;
  }

  /** True when no other pack is known to hold the object. */
  isOnlyIn(id: Digest, pack: PackId): boolean {
    return this.#all().every((segment) => {
      const location = segment.find(id);
      return location === null || location.pack === pack || this.#absent.has(location.pack);
    });
  }

  /** True when a segment names an object once that several of its packs hold. */
  hasSharedObjects(): boolean {
    return this.#all().some(
      ({ packs, chunkCount }) => packs.reduce((total, pack) => total + pack.chunkCount, 0) !== chunkCount,
    );
  }

  /** Every pack the index knows. */
  packs(): IndexedPack[] {
    const packs = new Map<PackId, IndexedPack>();
    for (const segment of this.#all()) for (const pack of segment.packs) packs.set(pack.id, pack);
    return [...packs.values()];
  }

  /**
   * All of them, verified, until anything is reloaded or saved. An object that several name is read where the first says whose
   * pack is there.
   */
  segments(): Segment[] {
    this.#withoutDamaged(() => {
      for (const { segment } of this.#segments) segment.verify();
    });
    return this.#all();
  }

  /** To be read to its end before anything is reloaded or saved. */
  *entries(): Generator<{ id: Digest; location: Location }> {
    // What is damaged must be known before the first entry is given away.
    for (const segment of this.segments()) yield* segment.entries();
  }

  /**
   * Writes a segment for the packs that have none, and merges segments when there are many. Not durable by itself: a power cut
   * may bring back what was merged, beside the merged one or in its place.
   */
  save(): void {
    this.#withoutDamaged(() => {
      if (this.#loose.isEmpty) return;
      const merged = chooseMerged(this.#segments, this.#loose.rowCount);
      const segments = [...this.#loose.segments, ...merged.map(({ segment }) => segment)];
      this.#replace([segments], namesOf(merged), this.#absent);
    });
  }

  /** Replaces every segment on disk, also those that cannot be read, by one that says what these packs say of themselves. */
  rebuild(whole: Iterable<WrittenPack>): void {
    this.#loose.clear();
    for (const pack of whole) this.#addLoose(pack);
    this.#replace([[...this.#loose.segments]], segmentsIn(this.#files, this.#indexDirectory), new Set());
    syncDirectory(this.#files, this.#indexDirectory);
  }

  /** Rewrites what of the index names these packs without them; the caller deletes the packs afterwards, never before. */
  drop(gone: ReadonlySet<PackId>): void {
    this.#withoutDamaged(() => {
      const concerned = this.#segments.filter(({ segment }) => segment.packs.some(({ id }) => gone.has(id)));
      // What a dropped pack shared with another may be named in the dropped one alone: the other says itself what it has.
      const groups = concerned.map(({ segment }) => [segment, ...this.#readSharing(segment, gone)]);
      const [first = []] = groups;
      if (groups.length === 0) groups.push(first);
      first.unshift(...this.#loose.segments);
      // One that is passed over may name a dropped pack, and be readable another time.
      this.#replace(groups, [...namesOf(concerned), ...this.#passedOver], gone);
      // Also when there was nothing to remove: whoever removed it may have died before that was durable, and a segment that
      // comes back would name packs that are deleted next, or be the damaged one of the same name.
      syncDirectory(this.#files, this.#indexDirectory);
    });
    for (const id of gone) this.#dropped.add(id);
  }

  /** Idempotent. */
  close(): void {
    for (const { segment } of this.#segments) segment.close();
  }

  /** Segments on disk first, as most of what is looked for is in them. */
  #all(): Segment[] {
    return [...this.#segments.map(({ segment }) => segment), ...this.#loose.segments];
  }

  /** Makes a segment of each group, and removes from disk the segments that these replace. */
  #replace(groups: Segment[][], replaced: string[], gone: ReadonlySet<PackId>): void {
    this.#settleLoose();
    const added = groups.flatMap(
      (segments) => writeSegment(this.#files, this.#indexDirectory, segments, gone) ?? [],
    );
    this.#exchange(replaced, added);
  }

  /** Before a segment names packs that were found: a writer that died before their names were durable left that to whoever relies on them. */
  #settleLoose(): void {
    if (this.#foundLoose) syncDirectory(this.#files, this.#packDirectory);
    this.#foundLoose = false;
  }

  /** Goes on with other segments: all that was loose is in those that were added. */
  #exchange(replaced: readonly string[], added: readonly string[]): void {
    const names = new Set(replaced);
    for (const name of added) {
      names.delete(name);
      this.#passedOver.delete(name);
      this.#listing.segments.add(name);
    }
    for (const name of names) {
      removeIfPresent(this.#files, anywhere, `${this.#indexDirectory}/${name}`);
      this.#listing.segments.delete(name);
    }
    const kept = namesOf(this.#segments).filter((name) => !replaced.includes(name));
    this.#loose.clear();
    // What is passed over is forgotten below, and may be readable the next time.
    if (this.#passedOver.size > 0) this.#isLoaded = false;
    this.#loadSegments([...kept, ...added]);
  }

  /** Segments are immutable, so those that are loaded stay. */
  #loadSegments(names: string[]): void {
    this.#generation += 1;
    const loaded = new Map(this.#segments.map((named) => [named.name, named]));
    for (const name of this.#passedOver) if (!names.includes(name)) this.#passedOver.delete(name);
    const segments: NamedSegment[] = [];
    for (const name of new Set(names)) {
      const named = loaded.get(name) ?? this.#load(name);
      if (named !== null) segments.push(named);
    }
    const used = new Set(segments);
    for (const named of loaded.values()) if (!used.has(named)) named.segment.close();
    this.#segments = segments.sort((a, b) => b.segment.chunkCount - a.segment.chunkCount);
  }

  #load(name: string): NamedSegment | null {
    if (this.#passedOver.has(name)) return null;
    try {
      const segment = Segment.open(this.#files, `${this.#indexDirectory}/${name}`);
      return segment === null ? null : { name, segment };
    } catch (error) {
      if (!isIllegible(error)) throw error;
      this.#passedOver.add(name);
      return null;
    }
  }

  /** Of the packs that are there, those that no segment names. */
  #takeInLoose(present: PackId[]): void {
    const indexed = new Set(this.#segments.flatMap(({ segment }) => segment.packs.map(({ id }) => id)));
    const isPresent = new Set(present);
    this.#absent = new Set([...indexed].filter((id) => !isPresent.has(id)));
    const known = this.#loose.ids();
    this.#loose.forget(new Set([...known].filter((id) => indexed.has(id) || !isPresent.has(id))));
    this.#dropped = new Set([...this.#dropped].filter((id) => isPresent.has(id)));
    for (const id of present) {
      if (indexed.has(id) || known.has(id) || this.#dropped.has(id)) continue;
      this.#foundLoose = true;
      const pack = this.#readLoose(id);
      if (pack !== null) this.#addLoose(pack);
    }
  }

  #addLoose(pack: WrittenPack): void {
    this.#generation += 1;
    this.#absent.delete(pack.id);
    this.#dropped.delete(pack.id);
    this.#loose.add(pack);
  }

  #readSharing(segment: Segment, gone: ReadonlySet<PackId>): Segment[] {
    const kept = segment.sharingPacks().filter(({ id }) => !gone.has(id) && !this.#absent.has(id));
    return kept.flatMap(({ id }) => {
      const pack = this.#readLoose(id);
      return pack === null ? [] : [Segment.ofPack(pack)];
    });
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

  #withoutDamaged(run: () => void): void {
    for (;;) {
      try {
        run();
        return;
      } catch (error) {
        this.#passOverDamaged(error);
      }
    }
  }

  /** Goes on without the segments that turned out to be damaged. Throws what was caught when there are none. */
  #passOverDamaged(error: unknown): void {
    const damaged = this.#segments.filter(({ segment }) => segment.isDamaged);
    if (damaged.length === 0) throw error;
    this.#generation += 1;
    for (const name of namesOf(damaged)) this.#passedOver.add(name);
    this.#segments = this.#segments.filter((named) => !damaged.includes(named));
    for (const { segment } of damaged) segment.close();
    this.#takeInLoose(packsIn(this.#files, this.#packDirectory));
  }
}

/**
 * Which segments a new one of so many rows takes in. Merging only as many of the smallest as are about the size of what
 * is new keeps the total work logarithmic: in ten thousand saves of a thousand rows each row is written nine times.
 */
function chooseMerged(segments: readonly NamedSegment[], rows: number): NamedSegment[] {
  const merged: NamedSegment[] = [];
  for (const named of [...segments].sort((a, b) => a.segment.chunkCount - b.segment.chunkCount)) {
    const { chunkCount } = named.segment;
    const many = segments.length - merged.length >= indexSegmentsMax;
    if ((!many && chunkCount > 2 * rows) || rows + chunkCount > segmentRowsMax) break;
    merged.push(named);
    rows += chunkCount;
  }
  return merged;
}

function namesOf(segments: readonly NamedSegment[]): string[] {
  return segments.map(({ name }) => name);
}

function isSame(known: ReadonlySet<string>, names: readonly string[]): boolean {
  return known.size === names.length && names.every((name) => known.has(name));
}

/** What says that its version is another is damaged, too: `format.json` says which versions a store has. */
function isIllegible(error: unknown): boolean {
  return error instanceof StoreError && ["corrupt", "store_version_unsupported"].includes(error.code);
}

/** The names of the segments in a directory, in no order. */
function segmentsIn(files: Files, directory: string): string[] {
  return namesMatching(files, directory, /^[0-9a-f]{32}\.idx$/);
}

/** The ids of the packs in a directory, in no order. */
export function packsIn(files: Files, directory: string): PackId[] {
  return namesMatching(files, directory, /^[0-9a-f]{64}\.pack$/).map((name) => name.slice(0, -5) as PackId);
}
