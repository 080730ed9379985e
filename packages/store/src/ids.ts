/**
 * Identifiers. A content id is the BLAKE3-256 of the bytes it names, held in memory as 64 lower-case
 * hexadecimal digits and on disk as 32 bytes. The brands keep one kind from being passed for another.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Names a run of file content. */
export type ChunkId = Branded<string, "ChunkId">;
/** Names a whole file tree: the root directory with everything below it. */
export type TreeId = Branded<string, "TreeId">;
/** Names a snapshot record. */
export type SnapshotId = Branded<string, "SnapshotId">;
/** Names a pack file. */
export type PackId = Branded<string, "PackId">;
/** Names a layer: random, not derived from content. */
export type LayerId = Branded<string, "LayerId">;

const contentIdPattern = /^[0-9a-f]{64}$/;

/** Whether a text has the form of a content id. */
export function isContentId(text: string): boolean {
  return contentIdPattern.test(text);
}
