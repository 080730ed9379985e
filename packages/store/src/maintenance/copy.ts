/** Copies snapshots from one open store to another, which gets only the objects that it lacks. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { ChunkWriter } from "../pack/chunks.js";
import { anywhere } from "../platform/files.js";
import { treeDigest } from "../snapshot/record.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { reachableObjects } from "../tree/reach.js";
import { admit, planAdmission, type Admission } from "./admission.js";

/** They become snapshots of plain directories there. Codes as `planAdmission` and `admit` say. */
export function copySnapshots(
  source: Repository,
  target: Repository,
  snapshots: SnapshotInfo[],
  rename: Record<string, string> | undefined,
  work: Work,
): SnapshotInfo[] {
  const same = (path: string): string => {
    const { device, inode } = source.files.stat(anywhere, path);
    return `${device}:${inode}`;
  };
  if (same(source.layout.formatFile) === same(target.layout.formatFile)) {
    throw new StoreError("invalid_argument", "a store cannot be copied to itself");
  }
  const copy = (admissions: Admission[], writer: ChunkWriter): void => {
    const seen = new Set<string>();
    work.restart();
    for (const { record, present } of admissions) {
      if (present) continue;
      for (const { kind, id } of reachableObjects(source.chunks, treeDigest(record.tree), seen)) {
        work.step();
        if (writer.stored(id) !== null) continue;
        const bytes = source.chunks.get(id);
        writer.put(kind, bytes);
        work.addBytes(bytes.length);
      }
    }
  };
  return source.reading(
    (pin) => {
      for (const { diskId, name, tree } of snapshots) {
        source.getSnapshot(diskId, name);
        pin(tree);
      }
    },
    () =>
      target.writing(
        () => planAdmission(target, null, snapshots, rename),
        (admissions, lease) =>
          target.store(
            lease,
            (writer) => copy(admissions, writer),
            () => ({ publish: () => admit(target, admissions) }),
          ),
      ),
  );
}
