/**
 * Which objects are needed, known without following every tree each time: for each object, how often the trees that are
 * needed and the objects below them name it. A tree that is added touches only what was not needed before, and one that goes
 * only what nothing needs any more, so both cost as much as the trees differ (reference counting by structure).
 *
 * The counts are a cache, kept in `cache/references` between collections, and say for which trees they were made:
 *
 *     magic "CHSRREFS", u32 version 2, u32 tree count T, u32 row count N, u32 zero
 *     trees T x 32, sorted
 *     ids N x 32, sorted; counts N x u32; roles N x u8
 *     digest 32 of the digests of the four parts: up to the end of the trees, ids, counts, roles
 */
import { digestBytes, digestKey, hash, type Digest } from "../chunk/hash.js";
import type { TreeId } from "../ids.js";
import { listDepthMax } from "../limits.js";
import type { ObjectSource } from "../pack/chunks.js";
import { treeDigest } from "../snapshot/record.js";
import { namedBy, type MetObject } from "../tree/reach.js";
import type { Claims } from "./reference-rows.js";
import { ReferenceTable } from "./reference-table.js";

const version = 2;
const headerBytes = 24;
/** A tree node; content with levels of lists has their number as its role. */
const nodeRole = listDepthMax + 1;

export class References {
  readonly #trees: Set<TreeId>;
  readonly #table: ReferenceTable;

  constructor(trees: Iterable<TreeId> = [], table = new ReferenceTable()) {
    this.#trees = new Set(trees);
    this.#table = table;
  }

  /** Those whose references are counted. */
  get trees(): ReadonlySet<TreeId> {
    return this.#trees;
  }

  /** At least as many as `encode` writes. */
  get rowCount(): number {
    return this.#table.size;
  }

  /** True when nothing is needed. */
  get isEmpty(): boolean {
    return this.#table.isEmpty;
  }

  /** True when something that is needed names the object. */
  needs(id: Digest): boolean {
    return this.#table.has(id);
  }

  /** For a walk through an index: says of each object whether it is needed and was not met before. */
  claims(): Claims {
    return this.#table.claims();
  }

  /**
   * Adds and takes away trees until they are those of `wanted`, and answers whether there were any. All of them must be readable.
   * `onChange` is told of each object that comes to be needed, or is needed no more.
   */
  advance(
    source: ObjectSource,
    wanted: ReadonlySet<TreeId>,
    onStep: () => void = () => undefined,
    onChange: ((id: Digest, isNeeded: boolean) => void) | null = null,
  ): boolean {
    const add = (id: Digest, role: number): boolean => {
      const wasNeeded = onChange !== null && this.#table.has(id);
      if (this.#table.add(id, role) > 1) return false;
      if (!wasNeeded) onChange?.(id, true);
      return true;
    };
    const subtract = (id: Digest, role: number): boolean => {
      if (this.#table.subtract(id, role) > 0) return false;
      if (onChange !== null && !this.#table.has(id)) onChange(id, false);
      return true;
    };
    let hasChanged = false;
    for (const tree of wanted) {
      if (this.#trees.has(tree)) continue;
      follow(source, tree, add, onStep);
      this.#trees.add(tree);
      hasChanged = true;
    }
    for (const tree of this.#trees) {
      if (wanted.has(tree)) continue;
      follow(source, tree, subtract, onStep);
      this.#trees.delete(tree);
      hasChanged = true;
    }
    return hasChanged;
  }

  /**
   * What would become of the objects of the trees of `gone` without these: `freed` would not be needed any more, each before those
   * that it names; `shared` are those that these name and others need as well. What the latter name is not touched, and nothing is changed.
   */
  without(
    source: ObjectSource,
    gone: Iterable<TreeId>,
    onStep: () => void = () => undefined,
  ): { freed: Digest[]; shared: Digest[] } {
    const taken = new Map<string, { id: Digest; roles: Map<number, number> }>();
    for (const tree of gone) {
      if (!this.#trees.has(tree)) continue;
      const take = (id: Digest, role: number): boolean => {
        const key = digestKey(id);
        const of = taken.get(key) ?? { id, roles: new Map<number, number>() };
        taken.set(key, of);
        const count = (of.roles.get(role) ?? 0) + 1;
        of.roles.set(role, count);
        return count >= this.#table.count(id, role);
      };
      follow(source, tree, take, onStep);
    }
    const found = { freed: [] as Digest[], shared: [] as Digest[] };
    // What is also needed in another role stays.
    for (const { id, roles } of taken.values()) {
      let isFreed = true;
      for (let role = 0; role <= nodeRole; role++)
        isFreed &&= (roles.get(role) ?? 0) >= this.#table.count(id, role);
      found[isFreed ? "freed" : "shared"].push(id);
    }
    return found;
  }

  encode(): Buffer {
    return Buffer.concat(this.encodedParts());
  }

  /** What `encode` gives, in parts: there may be much of it, and this is most of it where it lies. */
  encodedParts(): Uint8Array[] {
    const { ids, counts, roles } = this.#table.rows();
    const trees = [...this.#trees].sort();
    const header = Buffer.alloc(headerBytes);
    header.write("CHSRREFS", 0, "latin1");
    header.writeUInt32LE(version, 8);
    header.writeUInt32LE(trees.length, 12);
    header.writeUInt32LE(counts.length, 16);
    const parts = [
      Buffer.concat([header, Buffer.from(trees.join(""), "hex")]),
      new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength),
      new Uint8Array(counts.buffer, counts.byteOffset, counts.byteLength),
      roles,
    ];
    return [...parts, digestOf(parts)];
  }

  /** Null for anything that `encode` did not make. The bytes become those of the counts. */
  static decode(bytes: Buffer): References | null {
    if (bytes.length < headerBytes + digestBytes || bytes.toString("latin1", 0, 8) !== "CHSRREFS")
      return null;
    const treeCount = bytes.readUInt32LE(12);
    const rowCount = bytes.readUInt32LE(16);
    const idsAt = headerBytes + treeCount * digestBytes;
    const countsAt = idsAt + rowCount * digestBytes;
    const rolesAt = countsAt + rowCount * 4;
    const end = rolesAt + rowCount;
    const bounds = [0, idsAt, countsAt, rolesAt, end];
    const partsOf = (): Uint8Array[] => bounds.slice(1).map((to, n) => bytes.subarray(bounds[n], to));
    const sound =
      bytes.readUInt32LE(8) === version &&
      bytes.length === end + digestBytes &&
      digestOf(partsOf()).equals(bytes.subarray(end));
    if (!sound) return null;
    const trees = Array.from(
      { length: treeCount },
      (_, n) =>
        bytes.toString("hex", headerBytes + n * digestBytes, headerBytes + (n + 1) * digestBytes) as TreeId,
    );
    const table = new ReferenceTable({
      ids: wordsOf(bytes.subarray(idsAt, countsAt)),
      counts: wordsOf(bytes.subarray(countsAt, rolesAt)),
      roles: bytes.subarray(rolesAt, end),
      room: rowCount,
    });
    return new References(trees, table);
  }
}

/** Looks into what a tree names wherever `visit` says so. */
export function follow(
  source: ObjectSource,
  tree: TreeId,
  visit: (id: Digest, role: number) => boolean,
  onStep: () => void = () => undefined,
): void {
  const waiting: MetObject[] = [{ id: treeDigest(tree), depth: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!visit(next.id, next.depth ?? nodeRole) || next.depth === 0) continue;
    onStep();
    const below = namedBy(source, next);
    for (let n = below.length - 1; n >= 0; n--) waiting.push(below[n] as MetObject);
  }
}

function digestOf(parts: Uint8Array[]): Digest {
  return hash(Buffer.concat(parts.map((part) => hash(part))));
}

/** Words are aligned; a small buffer may start anywhere in one that it shares. */
function wordsOf(bytes: Buffer): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
