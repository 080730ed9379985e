import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom, type Random } from "./random.js";
import { SourceText } from "./source-text.js";

export interface TreeOptions {
  files: number;
  seed: number;
  /** Mean size of a file. That of a real `node_modules` is about 7,500 bytes. */
  fileBytesMean?: number;
}

export interface MadeTree {
  files: number;
  directories: number;
  bytes: number;
}

const packageFilesMean = 60;
const extensions = [".js", ".js", ".js", ".d.ts", ".map", ".mjs", ".json", ".md"];
const fileBytesMax = 2_000_000;
/** Spread of the sizes: half of all files are then a fifth of the mean or smaller, as measured on real trees. */
const sizeSigma = 1.8;
/** Share of files that are the same as one elsewhere: licences, and packages present in two versions. */
const copiedShare = 0.12;

/** Sizes of source files are log-normal: their logarithm is spread like a bell (Box-Muller). */
function fileBytes(random: Random, mean: number): number {
  const bell = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const bytes = Math.exp(Math.log(mean) - sizeSigma ** 2 / 2 + sizeSigma * bell);
  return Math.max(1, Math.min(fileBytesMax, Math.round(bytes)));
}

/**
 * Writes a tree that looks like `node_modules`: many packages, scopes, nested folders, small text files, copies of
 * the same content, executables and links to them. The same options give the same names and bytes.
 */
export function writeNodeModules(target: string, options: TreeOptions): MadeTree {
  const { files, seed, fileBytesMean = 7_500 } = options;
  const random = seededRandom(seed);
  const made: MadeTree = { files: 0, directories: 0, bytes: 0 };
  const shared: string[] = [];

  const directory = (path: string): void => {
    mkdirSync(path, { recursive: true });
    made.directories += 1;
  };
  directory(join(target, ".bin"));

  for (let number = 0; made.files < files; number += 1) {
    const name = random.next() < 0.2 ? `@scope${number % 7}/package-${number}` : `package-${number}`;
    const folder = join(target, name);
    const text = new SourceText(random, 300);
    const count = Math.min(files - made.files, 1 + random.below(packageFilesMean * 2));
    let inner = folder;
    directory(folder);
    for (let index = 0; index < count; index += 1) {
      if (index % 12 === 11) {
        inner = join(random.next() < 0.5 ? folder : inner, `part-${index}`);
        directory(inner);
      }
      const copied = random.next() < copiedShare && shared.length > 0;
      const content = copied ? random.pick(shared) : text.write(fileBytes(random, fileBytesMean));
      if (!copied && random.next() < 0.05) shared.push(content);
      const path = join(inner, index === 0 ? "package.json" : `file-${index}${random.pick(extensions)}`);
      writeFileSync(path, content);
      made.files += 1;
      made.bytes += content.length;
    }
    if (number % 10 === 0) {
      chmodSync(join(folder, "package.json"), 0o755);
      const link = join(target, ".bin", `tool-${number}`);
      symlinkSync(join("..", name, "package.json"), link);
    }
  }
  return made;
}

/** Changes `count` files that a person could have edited, and says which. With `fileBytes` their content is new and does not compress. */
export function changeFiles(
  target: string,
  paths: readonly string[],
  count: number,
  seed: number,
  fileBytes = 0,
): string[] {
  const random = seededRandom(seed);
  const changed = new Set<string>();
  while (changed.size < Math.min(count, paths.length)) changed.add(random.pick(paths));
  for (const path of changed) {
    const text = `changed ${seed} ${random.next()}\n`;
    const noise = Uint8Array.from({ length: fileBytes }, () => random.below(256));
    writeFileSync(join(target, path), Buffer.concat([Buffer.from(text), noise]));
  }
  return [...changed];
}
