import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestKey } from "../../src/chunk/hash.js";
import type { TreeId } from "../../src/ids.js";
import { treesConcerned } from "../../src/maintenance/concerned.js";
import { References } from "../../src/maintenance/references.js";
import { treeDigest } from "../../src/snapshot/record.js";
import { writeContent, type ContentItem } from "../../src/tree/content.js";
import { writeDirectory, writeRoot } from "../../src/tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../../src/tree/entry.js";
import { markTree } from "../../src/tree/reach.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryObjects } from "../tree/memory-objects.js";
import { plainMetadata } from "../tree/plain-metadata.js";

/** Trees that share much: few contents, files of many chunks among them, and directories within directories. */
class RandomTrees {
  readonly objects = new MemoryObjects();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  tree(): TreeId {
    const root = this.#directory("", 3);
    return writeRoot(this.objects, root).toString("hex") as TreeId;
  }

  #directory(name: string, levels: number): DirectoryTreeEntry {
    const entries: TreeEntry[] = [];
    for (let n = 0; n < 3; n++) {
      if (this.#random.chance(0.3)) continue;
      entries.push(
        levels > 0 && this.#random.chance(0.6)
          ? this.#directory(`${n}`, levels - 1)
          : this.#file(`${n}`, this.#random.below(12)),
      );
    }
    return {
      ...plainMetadata,
      type: "directory",
      name: Buffer.from(name),
      ...writeDirectory(this.objects, entries),
    };
  }

  #file(name: string, variant: number): TreeEntry {
    const chunks = variant < 9 ? 1 : 3 + variant;
    const segments: ContentItem[] = Array.from({ length: chunks }, (_, n) => ({
      kind: "chunk",
      length: 10,
      id: this.objects.put("data", Buffer.from(`content ${variant % 10}.${n}`.slice(0, 10).padEnd(10))),
    }));
    const content = writeContent(this.objects, segments);
    return { ...plainMetadata, type: "file", name: Buffer.from(name), sizeBytes: chunks * 10, content };
  }
}

function needed(objects: MemoryObjects, trees: Iterable<TreeId>): Set<string> {
  const live = new Set<string>();
  for (const tree of trees) markTree(objects, treeDigest(tree), live);
  // Among the keys are also those of what was looked into.
  return new Set([...live].filter((key) => objects.objects.has(key)));
}

function pickSome(random: Random, trees: readonly TreeId[]): Set<TreeId> {
  return new Set(trees.filter(() => random.chance(0.4)));
}

describe("references", () => {
  test("say of each object what following every tree says, after any history", () => {
    const random = new Random(seedOfRun());
    const made = new RandomTrees(random);
    const trees = Array.from({ length: 12 }, () => made.tree());
    let references = new References();
    for (let round = 0; round < 40; round++) {
      const wanted = pickSome(random, trees);
      references.advance(made.objects, wanted);
      const live = needed(made.objects, wanted);
      for (const key of made.objects.objects.keys()) {
        assert.equal(references.needs(Buffer.from(key, "latin1")), live.has(key), `seed ${random.seed}`);
      }
      if (random.chance(0.3)) references = References.decode(references.encode()) as References;
    }
  });

  test("foretell what would not be needed without some trees, and change nothing by it", () => {
    const random = new Random(seedOfRun());
    const made = new RandomTrees(random);
    const trees = Array.from({ length: 8 }, () => made.tree());
    const references = new References();
    references.advance(made.objects, new Set(trees));
    const all = needed(made.objects, trees);
    const before = references.encode();
    for (let round = 0; round < 20; round++) {
      const gone = pickSome(random, trees);
      const left = needed(
        made.objects,
        trees.filter((tree) => !gone.has(tree)),
      );
      const freed = references.without(made.objects, gone).freed.map(digestKey);
      assert.deepEqual(
        new Set(freed),
        new Set([...all].filter((key) => !left.has(key))),
        `seed ${random.seed}`,
      );
      assert.equal(new Set(freed).size, freed.length);
    }
    assert.deepEqual(references.encode(), before);
  });

  test("tell whose objects alone change when a tree comes or goes", () => {
    const random = new Random(seedOfRun());
    const made = new RandomTrees(random);
    const trees = Array.from({ length: 9 }, () => made.tree());
    const ownOf = (tree: TreeId, of: TreeId[]): Set<string> => {
      const others = needed(
        made.objects,
        of.filter((other) => other !== tree),
      );
      return new Set([...needed(made.objects, [tree])].filter((key) => !others.has(key)));
    };
    let count = 0;
    for (let round = 0; round < 40; round++) {
      const tree = random.pick(trees);
      const present = [...pickSome(random, trees).add(tree)];
      const others = present.filter((other) => other !== tree);
      const references = new References();
      references.advance(made.objects, new Set(present));
      const concerned = treesConcerned(references, made.objects, { tree, others }, () => undefined);
      const changing = others.filter((other) => ownOf(other, present).size !== ownOf(other, others).size);
      assert.deepEqual([...(concerned ?? ["cannot tell"])].sort(), changing.sort(), `seed ${random.seed}`);
      count += changing.length;
    }
    assert.ok(count > 10, `seed ${random.seed}: ${count}`);
  });

  test("look only into what a change touches", () => {
    const random = new Random(seedOfRun());
    const made = new RandomTrees(random);
    const first = made.tree();
    const references = new References();
    let reads = 0;
    const counting = { get: (id: Buffer) => (reads++, made.objects.get(id)) };
    references.advance(counting, new Set([first]));
    const whole = reads;
    reads = 0;
    references.advance(counting, new Set([first]));
    assert.equal(reads, 0);
    const again = References.decode(references.encode()) as References;
    again.advance(counting, new Set());
    assert.equal(reads, whole);
  });

  test("that were changed anywhere on the disk are not believed", () => {
    const random = new Random(seedOfRun());
    const made = new RandomTrees(random);
    const references = new References();
    references.advance(made.objects, new Set([made.tree()]));
    const bytes = references.encode();
    assert.deepEqual(References.decode(Buffer.from(bytes))?.encode(), bytes);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << random.below(8));
      assert.equal(References.decode(damaged), null, `byte ${at}`);
      assert.equal(References.decode(bytes.subarray(0, at)), null, `length ${at}`);
    }
  });
});
