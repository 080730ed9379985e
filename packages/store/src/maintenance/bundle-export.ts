/** Writes a bundle: the records of snapshots, then every object of theirs that the receiver does not have. */
import type { SnapshotInfo } from "../api.js";
import { hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { bundleSnapshotsMax, frameBytesTarget } from "../limits.js";
import type { PackKind } from "../pack/format.js";
import { compressFrame } from "../pack/frame.js";
import { readWhole } from "../platform/durable.js";
import { treeDigest } from "../snapshot/record.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { markTree, reachableObjects } from "../tree/reach.js";
import {
  encodeBundleHeader,
  encodeEnd,
  encodeObjects,
  encodeSectionHead,
  encodeSnapshots,
  sectionDigest,
  sectionKind,
} from "./bundle-format.js";

/** Gives the bundle in pieces of at most one section. Objects may move between packs meanwhile, but none may be collected. */
export function* exportBundle(
  repository: Repository,
  snapshots: SnapshotInfo[],
  base: SnapshotInfo | null,
  work: Work,
): Generator<Buffer> {
  if (snapshots.length === 0 || snapshots.length > bundleSnapshotsMax) {
    throw new StoreError(
      "invalid_argument",
      `${snapshots.length} snapshots, a bundle takes 1 to ${bundleSnapshotsMax}`,
      { data: { field: "snapshots" } },
    );
  }
  const header = encodeBundleHeader();
  yield header;
  const sections = new SectionWriter(hash(header));
  const records = snapshots.map(({ id, name }) => {
    const bytes = readWhole(repository.files, `${repository.layout.records}/${id}`);
    if (bytes !== null) return bytes;
    throw new StoreError("snapshot_not_found", `snapshot ${JSON.stringify(name)} was deleted meanwhile`);
  });
  const bases = base === null ? [] : [treeDigest(base.tree)];
  yield sections.section(sectionKind.snapshots, encodeSnapshots({ bases, records }));

  const seen = new Set<string>();
  for (const tree of bases) markTree(repository.chunks, tree, seen);
  const frames: Record<PackKind, FrameFiller> = {
    data: new FrameFiller("data"),
    tree: new FrameFiller("tree"),
  };
  const totals = { objects: 0, plainBytes: 0 };
  for (const { tree } of snapshots) {
    for (const { kind, id } of reachableObjects(repository.chunks, treeDigest(tree), seen)) {
      const bytes = repository.chunks.get(id);
      totals.objects += 1;
      totals.plainBytes += bytes.length;
      work.addBytes(bytes.length);
      const full = frames[kind].add(bytes);
      if (full !== null) yield sections.section(sectionKind.objects, full);
    }
  }
  for (const frame of [frames.tree.take(), frames.data.take()]) {
    if (frame !== null) yield sections.section(sectionKind.objects, frame);
  }
  yield sections.section(sectionKind.end, encodeEnd(totals));
}

class SectionWriter {
  #digest: Digest;

  constructor(headerDigest: Digest) {
    this.#digest = headerDigest;
  }

  section(kind: number, payload: Buffer): Buffer {
    const head = encodeSectionHead(kind, payload.length);
    this.#digest = sectionDigest(this.#digest, head, payload);
    return Buffer.concat([head, payload, this.#digest]);
  }
}

/** Gathers small objects until they fill a frame. */
class FrameFiller {
  readonly #kind: PackKind;
  #objects: Buffer[] = [];
  #bytes = 0;

  constructor(kind: PackKind) {
    this.#kind = kind;
  }

  /** Gives what was gathered before when the object does not fit in with it. */
  add(object: Buffer): Buffer | null {
    const full = this.#bytes + object.length > frameBytesTarget ? this.take() : null;
    // A copy: what the source gives may be a view of what it reads next.
    this.#objects.push(Buffer.from(object));
    this.#bytes += object.length;
    return full;
  }

  take(): Buffer | null {
    if (this.#objects.length === 0) return null;
    const { codec, stored } = compressFrame(Buffer.concat(this.#objects));
    const lengths = this.#objects.map((object) => object.length);
    const payload = encodeObjects({ kind: this.#kind, codec, lengths }, stored);
    this.#objects = [];
    this.#bytes = 0;
    return payload;
  }
}
