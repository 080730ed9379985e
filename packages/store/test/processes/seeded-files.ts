/** Files whose names say what is in them, so that whoever restores one can tell whether it is right. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { Random } from "../random.js";

/** Few, so that one writer deduplicates against what another is just deleting. */
const seedCount = 120;
const largeBytes = 150_000;

const contents = new Map<number, Buffer>();

function contentOf(seed: number): Buffer {
  const known = contents.get(seed);
  if (known !== undefined) return known;
  const content = new Random(seed).bytes(seed % 10 === 0 ? largeBytes : seed * 50);
  contents.set(seed, content);
  return content;
}

/** Puts a few files into a directory, and takes a few away. */
export function changeFiles(directory: string, random: Random): void {
  for (let n = 0; n < 8; n++) {
    const seed = 1 + random.below(seedCount);
    const file = path.join(directory, `${seed % 3}`, `${seed}`);
    if (random.chance(0.4)) {
      fs.rmSync(file, { force: true });
    } else {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, contentOf(seed));
    }
  }
}

/** How many files there are; fails when one has not the content that its name says. */
export function checkFiles(directory: string): number {
  let count = 0;
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    count += 1;
    checkFile(entry.name, fs.readFileSync(path.join(entry.parentPath, entry.name)));
  }
  return count;
}

export function checkFile(name: string, content: Buffer): void {
  assert.ok(content.equals(contentOf(Number(name))), `content of file ${name}`);
}
