/**
 * What accounting knows of a store from the last time it was asked: its snapshots, what its packs take, how much of them is
 * needed, and what of them each tree has. Kept in memory, and for the next process in `cache/census`, so that a question costs what has changed since:
 *
 *     64 hexadecimal digits of the digest of what follows, and a line end
 *     JSON: its version, the boot in which it was written (times of directories prove nothing across a power cut), the digest of the
 *     references that belong to it, the trees that these are counted for, figures of each, packs, snapshots
 */
import { hash } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import { bootIdOf } from "../platform/boot-id.js";
import { readCache, writeCache } from "../platform/durable.js";
import { WholeFiles, type KeptFiles } from "../platform/whole-files.js";
import { KnownSnapshots, type KeptSnapshots, type KnownSnapshot } from "../snapshot/known-snapshots.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { PackCounts, type PackCount } from "./pack-counts.js";
import { countAnew, keptDigest, keepReferences, keptReferences } from "./kept-references.js";
import type { References } from "./references.js";
import { SnapshotFigures, type KeptFigures } from "./snapshot-figures.js";

const fileName = "census";
/** Another where the lines say something else: what an earlier version kept is then found out again. */
const version = 2;
const packPattern = /^[0-9a-f]{64}\.pack$/;
/** So many trees and packs that came and went the next process may follow again: writing them down costs in proportion to the store. */
const unkeptMax = 16;
/** Of more trees that came and went at once nobody asks whose objects they had. */
const treesFollowedMax = 16;
/** References of more rows, 37 bytes each, are read again when they are wanted rather than held in memory. */
const heldRowsMax = 300_000;

interface KeptCensus {
  version: number;
  boot: string | null;
  references: string;
  trees: TreeId[];
  /** Of each tree: bytes alone, bytes freed, and the numbers, in `packs`, of those that these are in. */
  figures: [aloneBytes: number | null, freedBytes: number | null, ...packs: number[]][];
  packsStamp: string | null;
  /** Allocated bytes, plain bytes, needed plain bytes. */
  packs: [PackId, number, number, number][];
  snapshots: KeptSnapshots;
}

/** References that were brought to some trees, and what they make of packs. */
interface Counted {
  trees: ReadonlySet<TreeId>;
  packs: PackCounts;
  /** False: they hold only until the index names anything at another place. */
  areExact: boolean;
  /** Of the index whose packs these are. */
  generation: number;
  /** Null: not in memory, but kept in `cache/`. */
  references: References | null;
}

const ofRepositories = new WeakMap<Repository, Census>();

export class Census {
  readonly #repository: Repository;
  readonly #packFiles: WholeFiles;
  readonly #snapshots: KnownSnapshots;
  #counted: Counted | null = null;
  #figures = new SnapshotFigures();
  /** Digest of the references that are kept with it. */
  #keptReferences = "";
  #unkept = 0;

  private constructor(repository: Repository, kept: KeptCensus | null) {
    const { files, layout, refs } = repository;
    this.#repository = repository;
    this.#packFiles = new WholeFiles(files, layout.packs, packPattern, {
      stamp: kept?.packsStamp ?? null,
      files: kept?.packs.map(([id, bytes]) => [`${id}.pack`, bytes]) ?? [],
    });
    const reader = {
      scopes: () => refs.scopes(),
      record: repository.readRecord.bind(repository),
      through: repository.readThrough.bind(repository),
    };
    this.#snapshots = new KnownSnapshots(files, layout, reader, kept?.snapshots ?? null);
    if (kept === null || kept.references === "") return;
    const packs = kept.packs.map(([id, , plainBytes, neededPlainBytes]): [PackId, PackCount] => [
      id,
      { plainBytes, neededPlainBytes },
    ]);
    this.#keptReferences = kept.references;
    this.#counted = {
      trees: new Set(kept.trees),
      packs: new PackCounts(repository, packs),
      areExact: true,
      generation: -1,
      references: null,
    };
    this.#figures = new SnapshotFigures(keptFigures(kept));
  }

  static of(repository: Repository): Census {
    const known = ofRepositories.get(repository) ?? new Census(repository, read(repository));
    ofRepositories.set(repository, known);
    return known;
  }

  /** Of one scope after the other, each from the oldest on. Code `corrupt` when a ref leads to none. */
  snapshots(): KnownSnapshot[] {
    return this.#snapshots.all();
  }

  /** Allocated bytes of a snapshot's record and ref. */
  filesBytes(snapshot: KnownSnapshot): number {
    return this.#snapshots.filesBytes(snapshot);
  }

  /** Allocated bytes of the directories that hold packs, records and refs. */
  allocatedBytes(): { packs: number; records: number; refs: Map<string | null, number> } {
    this.#packFiles.look();
    this.#snapshots.look();
    return { packs: this.#packFiles.allocatedBytes(), ...this.#snapshots.allocatedBytes() };
  }

  /** Of one pack, as of when `packCounts` was asked; 0 when it was gone. */
  packBytes(id: PackId): number {
    return this.#packFiles.bytes.get(`${id}.pack`) ?? 0;
  }

  /** How much of each pack is needed for the trees. To be asked while nothing is collected. */
  packCounts(wanted: ReadonlySet<TreeId>, work: Work): ReadonlyMap<PackId, PackCount> {
    this.#packFiles.look();
    const counted = this.#counted;
    if (counted !== null && isSame(counted.trees, wanted) && this.#isOfIndex(counted))
      return counted.packs.packs;
    this.#advance(wanted, work);
    return this.#counted?.packs.packs ?? new Map<PackId, PackCount>();
  }

  /** The references of the trees. Not to be changed. To be asked while nothing is collected. */
  references(wanted: ReadonlySet<TreeId>, work: Work): References {
    const counted = this.#counted;
    if (counted?.references != null && isSame(counted.trees, wanted)) return counted.references;
    return this.#advance(wanted, work);
  }

  /**
   * What is known of each of the trees, which are all that are needed; what is found may be added. Null when nothing can be kept of it. To be asked while
   * nothing is collected.
   */
  figures(wanted: ReadonlySet<TreeId>, work: Work): SnapshotFigures | null {
    this.packCounts(wanted, work);
    return this.#counted?.areExact === true ? this.#figures : null;
  }

  /** Keeps what is known for other processes when these would have to find out much again. */
  keepWhenMuch(): void {
    const isLarge = (this.#counted?.references?.rowCount ?? 0) > heldRowsMax;
    const unkept = this.#unkept + this.#snapshots.unkept + this.#figures.unkept;
    if (unkept >= unkeptMax || (isLarge && this.#unkept > 0)) this.keep();
    if (!isLarge) return;
    this.#figures.walk = null;
    if (this.#counted !== null && this.#unkept === 0) this.#counted.references = null;
  }

  /**
   * Before trees go that nobody can follow afterwards: what is kept must not count them, also where another process kept it.
   */
  keepBeforeCollection(): void {
    if (keptDigest(this.#repository) !== this.#keptReferences) this.#unkept = unkeptMax;
    this.keep();
  }

  /** Not being able to keep it costs time later, and is no reason to fail. */
  keep(): void {
    if (this.#unkept + this.#snapshots.unkept + this.#figures.unkept === 0) return;
    const counted = this.#counted;
    if (counted?.references != null && this.#unkept > 0)
      this.#keptReferences = keepReferences(this.#repository, counted.references);
    this.#unkept = 0;
    this.#packFiles.look();
    const isPaired = counted?.areExact === true && this.#keptReferences !== "";
    const { stamp, files: packFiles } = this.#packFiles.keep();
    // One that came after the counts is counted by who reads this; its size is asked for again.
    const packs = packFiles.flatMap(([name, bytes]): KeptCensus["packs"] => {
      const id = name.slice(0, -".pack".length) as PackId;
      const count = counted?.packs.packs.get(id);
      return count === undefined ? [] : [[id, bytes, count.plainBytes, count.neededPlainBytes]];
    });
    const numbers = new Map(packs.map(([id], number) => [id, number]));
    const trees = [...(counted?.trees ?? [])];
    const figures = this.#figures.keep(trees).map(({ aloneBytes, freed }): KeptCensus["figures"][number] => {
      const of = freed?.packs.map((id) => numbers.get(id) ?? -1) ?? [];
      // One that is in a pack that is not kept is found again.
      return of.includes(-1) ? [aloneBytes, null] : [aloneBytes, freed?.bytes ?? null, ...of];
    });
    const kept: KeptCensus = {
      version,
      boot: bootIdOf(this.#repository.files),
      references: isPaired ? this.#keptReferences : "",
      trees,
      figures,
      packsStamp: packs.length === packFiles.length ? stamp : null,
      packs,
      snapshots: this.#snapshots.keep(),
    };
    keepCensus(this.#repository, kept);
  }

  /** Forgets everything; `right`: counts of references that are known to be right. */
  static forget(repository: Repository, right: References | null = null): void {
    const census = new Census(repository, null);
    ofRepositories.set(repository, census);
    keepCensus(repository, null);
    if (right === null) return;
    census.#count(right);
    census.#unkept = 1;
    census.keep();
  }

  #isOfIndex(counted: Counted): boolean {
    const { index } = this.#repository.chunks;
    if (counted.generation === index.generation) return true;
    const isFollowed = counted.areExact && counted.packs.forgetGone();
    this.#figures.packsChange(counted.packs.takeChanges());
    if (!isFollowed) return false;
    counted.generation = index.generation;
    return true;
  }

  #advance(wanted: ReadonlySet<TreeId>, work: Work): References {
    const counted = this.#counted;
    this.#counted = null;
    if (counted !== null) {
      const references = counted.references ?? this.#readPaired();
      const advanced = references === null ? null : this.#advanced(counted, references, wanted, work);
      if (advanced !== null) return advanced;
    }
    return this.#count(this.#countAll(wanted, work));
  }

  /** Null when a tree that went cannot be followed any more, because somebody else collected it. */
  #advanced(
    counted: Counted,
    references: References,
    wanted: ReadonlySet<TreeId>,
    work: Work,
  ): References | null {
    const before = new Set(references.trees);
    try {
      const step = (): void => work.step();
      this.#follow(counted, references, wanted, step);
      const packs = counted.packs.advance(references);
      this.#figures.packsChange(counted.packs.takeChanges());
      this.#unkept += packs ?? unkeptMax;
      if (packs === null) counted.areExact = false;
    } catch (error) {
      if (!isGone(error)) throw error;
      return null;
    }
    for (const tree of wanted) if (!before.delete(tree)) this.#unkept += 1;
    this.#unkept += before.size;
    if (!counted.areExact) return this.#count(references);
    const { generation } = this.#repository.chunks.index;
    this.#counted = { ...counted, trees: new Set(wanted), generation, references };
    return references;
  }

  /** Brings references to other trees, one by one where figures depend on what each of these has in common with others. */
  #follow(
    { packs, trees: order }: Counted,
    references: References,
    wanted: ReadonlySet<TreeId>,
    onStep: () => void,
  ): void {
    const { chunks } = this.#repository;
    const added = [...wanted].filter((tree) => !references.trees.has(tree));
    const gone = [...references.trees].filter((tree) => !wanted.has(tree));
    if (added.length + gone.length > treesFollowedMax) {
      this.#figures.forgetFreed();
      packs.follow(references, wanted, onStep);
      return;
    }
    const present = new Set(references.trees);
    for (const tree of added) {
      packs.follow(references, present.add(tree), onStep);
      const others = nearest(wanted, tree, references.trees);
      this.#figures.treeChanges(references, chunks, { tree, others }, onStep);
    }
    for (const tree of gone) {
      const others = nearest(order, tree, references.trees);
      this.#figures.treeChanges(references, chunks, { tree, others }, onStep);
      present.delete(tree);
      packs.follow(references, present, onStep);
    }
  }

  /** From those kept where these are of any use. */
  #countAll(wanted: ReadonlySet<TreeId>, work: Work): References {
    const references = keptReferences(this.#repository);
    const step = (): void => work.step();
    try {
      if (references?.advance(this.#repository.chunks, wanted, step) !== undefined) {
        this.#unkept = unkeptMax;
        return references;
      }
    } catch (error) {
      // A tree that went may be collected already, by somebody who could not keep what he counted.
      if (!isGone(error)) throw error;
    }
    this.#unkept = unkeptMax;
    return countAnew(this.#repository, wanted, work);
  }

  #count(references: References): References {
    const { counts, areExact } = PackCounts.ofAll(this.#repository, references);
    this.#figures.forget();
    const { generation } = this.#repository.chunks.index;
    this.#counted = { trees: new Set(references.trees), packs: counts, areExact, generation, references };
    return references;
  }

  #readPaired(): References | null {
    return keptReferences(this.#repository, this.#keptReferences);
  }
}

function isSame(a: ReadonlySet<TreeId>, b: ReadonlySet<TreeId>): boolean {
  if (a.size !== b.size) return false;
  for (const tree of a) if (!b.has(tree)) return false;
  return true;
}

/** Those of `counted` that are not `tree`: first its neighbours in an order, then theirs, last those that are not in it. */
function* nearest(
  ordered: ReadonlySet<TreeId>,
  tree: TreeId,
  counted: ReadonlySet<TreeId>,
): Generator<TreeId> {
  const order = [...ordered];
  const at = order.indexOf(tree);
  for (let distance = 1; distance <= order.length; distance++) {
    for (const other of [order[at - distance], order[at + distance]])
      if (other !== undefined && counted.has(other)) yield other;
  }
  for (const other of counted) if (!ordered.has(other)) yield other;
}

function* keptFigures({ trees, figures, packs }: KeptCensus): Generator<[TreeId, KeptFigures]> {
  for (const [n, [aloneBytes, freedBytes, ...numbers]] of figures.entries()) {
    const freedPacks = numbers.flatMap((number) => packs[number]?.[0] ?? []);
    const freed = freedBytes === null ? null : { bytes: freedBytes, packs: freedPacks };
    yield [trees[n] as TreeId, { aloneBytes, freed }];
  }
}

function isGone(error: unknown): boolean {
  return error instanceof StoreError && ["chunk_missing", "corrupt"].includes(error.code);
}

/** Null: nothing is known. */
function keepCensus({ files, layout }: Repository, kept: KeptCensus | null): void {
  const body = Buffer.from(JSON.stringify(kept));
  writeCache(
    files,
    layout.cache,
    fileName,
    Buffer.concat([Buffer.from(`${hash(body).toString("hex")}\n`), body]),
  );
}

/** Null for anything that `keepCensus` did not write. */
function read({ files, layout }: Repository): KeptCensus | null {
  const bytes = readCache(files, layout.cache, fileName);
  if (bytes === null || bytes.length < 65) return null;
  const body = bytes.subarray(65);
  if (bytes.toString("latin1", 0, 65) !== `${hash(body).toString("hex")}\n`) return null;
  const kept = JSON.parse(body.toString("utf8")) as KeptCensus | null;
  if (kept?.version !== version) return null;
  if (kept.boot !== null && kept.boot === bootIdOf(files)) return kept;
  const refs = kept.snapshots.refs.map(([scope, { files: of }]): [RefScope, KeptFiles] => [
    scope,
    { stamp: null, files: of },
  ]);
  return { ...kept, packsStamp: null, snapshots: { ...kept.snapshots, recordsStamp: null, refs } };
}
