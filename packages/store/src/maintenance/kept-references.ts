/** Counts of references as they are made and kept, in `cache/references`. */
import { digestBytes } from "../chunk/hash.js";
import type { TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import { openIfPresent, readCache, writeCache } from "../platform/durable.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { ReferenceTable } from "./reference-table.js";
import { References } from "./references.js";

const fileName = "references";

export function countAnew({ chunks }: Repository, wanted: ReadonlySet<TreeId>, work: Work): References {
  const known = chunks.index.packs().reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  const references = new References([], new ReferenceTable(null, known));
  references.advance(chunks, wanted, () => work.step());
  return references;
}

/** Null when there are none, or none with the digest that is asked for. */
export function keptReferences({ files, layout }: Repository, digest?: string): References | null {
  const bytes = readCache(files, layout.cache, fileName);
  if (bytes === null || (digest !== undefined && digestOf(bytes) !== digest)) return null;
  return References.decode(bytes);
}

/** Of those that are kept, without reading them. Null when there are none. */
export function keptDigest({ files, layout }: Repository): string | null {
  try {
    const fd = openIfPresent(files, `${layout.cache}/${fileName}`);
    if (fd === null) return null;
    try {
      const digest = Buffer.alloc(digestBytes);
      const length = files.read(fd, digest, Math.max(0, files.statOpen(fd).sizeBytes - digestBytes));
      return digest.toString("hex", 0, length);
    } finally {
      files.close(fd);
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return null;
  }
}

/** Those that are kept, brought up to the present. Null when there are none. */
export function keptReferencesOf(
  repository: Repository,
  wanted: ReadonlySet<TreeId>,
  work: Work,
): References | null {
  const kept = keptReferences(repository);
  kept?.advance(repository.chunks, wanted, () => work.step());
  return kept;
}

/** Returns their digest. Not being able to keep them costs time later, and is no reason to fail. */
export function keepReferences({ files, layout }: Repository, references: References): string {
  const parts = references.encodedParts();
  writeCache(files, layout.cache, fileName, ...parts);
  return digestOf(parts.at(-1) ?? Buffer.alloc(0));
}

function digestOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(-digestBytes)).toString("hex");
}
