import { hash } from "../../src/chunk/hash.js";
import type { TreeEntry, Xattr } from "../../src/tree/entry.js";
import type { Random } from "../random.js";

const nameBytes = Array.from({ length: 255 }, (_, n) => n + 1).filter((byte) => byte !== 0x2f);

function randomName(random: Random): Buffer {
  const length = random.chance(0.05) ? 255 : 1 + random.below(20);
  const name = Buffer.from(Array.from({ length }, () => random.pick(nameBytes)));
  return name.every((byte) => byte === 0x2e) ? Buffer.from("dots") : name;
}

function randomXattrs(random: Random): Xattr[] {
  if (random.chance(0.8)) return [];
  const names = new Set(Array.from({ length: 1 + random.below(4) }, () => `user.${random.below(1000)}`));
  return [...names]
    .sort()
    .map((name) => ({ name: Buffer.from(name), value: random.bytes(random.below(40)) }));
}

function number(random: Random, below: number): number {
  return random.chance(0.1) ? below - 1 : random.below(below);
}

function randomEntry(random: Random, name: Buffer): TreeEntry {
  const metadata = {
    name,
    mode: random.below(0o10000),
    uid: number(random, 2 ** 32),
    gid: number(random, 2 ** 32),
    mtimeSeconds: random.pick([0, -1, 1_700_000_000, -(2 ** 40), 2 ** 52 - 1, random.word()]),
    mtimeNanoseconds: number(random, 1_000_000_000),
    xattrs: randomXattrs(random),
    linkGroup: random.chance(0.1) ? random.bytes(8) : null,
  };
  const id = hash(random.bytes(4));
  switch (random.below(5)) {
    case 0: {
      const sums = { files: random.below(9999), directories: random.below(99), logicalBytes: random.word() };
      return { type: "directory", ...metadata, linkGroup: null, id, sums };
    }
    case 1:
      return { type: "symlink", ...metadata, target: Buffer.from("t".repeat(1 + random.below(4095))) };
    case 2: {
      const type = random.pick(["fifo", "socket", "character", "block"] as const);
      const part = (): number => (type === "character" || type === "block" ? number(random, 2 ** 32) : 0);
      return { type, ...metadata, major: part(), minor: part() };
    }
    default: {
      const sizeBytes = random.pick([0, 1, 65536, 2 ** 40, random.word()]);
      return {
        type: "file",
        ...metadata,
        sizeBytes,
        content: sizeBytes === 0 ? null : { depth: random.below(5), id },
      };
    }
  }
}

/** Entries such as a scan could give: sorted, no name twice. */
export function randomEntries(random: Random, count: number): TreeEntry[] {
  const names = new Map(
    Array.from({ length: count }, () => randomName(random)).map((name) => [name.toString("hex"), name]),
  );
  return [...names.values()].sort((a, b) => a.compare(b)).map((name) => randomEntry(random, name));
}
