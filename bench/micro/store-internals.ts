/**
 * The store's inner modules, which its `exports` keep to itself: what they cost is measured here, nothing is built on
 * them. The types come from the sources, the code from what was built.
 */
import type * as Chunker from "../../packages/store/src/chunk/chunker.js";
import type * as Hash from "../../packages/store/src/chunk/hash.js";
import type * as Frame from "../../packages/store/src/pack/frame.js";
import type * as Index from "../../packages/store/src/pack/index.js";
import type * as SegmentFile from "../../packages/store/src/pack/segment-file.js";
import type * as SegmentFormat from "../../packages/store/src/pack/segment-format.js";
import type * as SegmentRows from "../../packages/store/src/pack/segment-rows.js";
import type * as SegmentModule from "../../packages/store/src/pack/segment.js";
import type * as Linux from "../../packages/store/src/platform/linux.js";
import type * as Node from "../../packages/store/src/tree/node.js";

const built = import.meta.resolve("@chaser/store");

async function load<Module>(path: string): Promise<Module> {
  return (await import(new URL(path, built).href)) as Module;
}

export const chunker = await load<typeof Chunker>("./chunk/chunker.js");
export const hashing = await load<typeof Hash>("./chunk/hash.js");
export const frames = await load<typeof Frame>("./pack/frame.js");
export const segments = await load<typeof SegmentModule>("./pack/segment.js");
export const indexes = await load<typeof Index>("./pack/index.js");
export const segmentFiles = await load<typeof SegmentFile>("./pack/segment-file.js");
export const segmentRows = await load<typeof SegmentRows>("./pack/segment-rows.js");
export const platform = await load<typeof Linux>("./platform/linux.js");
export const nodes = await load<typeof Node>("./tree/node.js");

export type Digest = Hash.Digest;
export type PackId = SegmentFormat.IndexedPack["id"];
export type Segment = SegmentModule.Segment;
