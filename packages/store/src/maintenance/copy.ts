/** Copies snapshots from one open store to another, which gets only the objects that it lacks. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import { anywhere } from "../platform/files.js";
import { treeDigest } from "../snapshot/record.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { reachableObjects } from "../tree/reach.js";
import { admit, planAdmission } from "./admission.js";

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
  return source.withObjects(() =>
    target.withObjects(() => {
      const admissions = planAdmission(target, null, snapshots, rename);
      const writer = target.chunks.writer();
      const seen = new Set<string>();
      try {
        for (const { record, present } of admissions) {
          if (present) continue;
          for (const { kind, id } of reachableObjects(source.chunks, treeDigest(record.tree), seen)) {
            work.step();
            if (target.chunks.index.find(id) !== null) continue;
            const bytes = source.chunks.get(id);
            writer.put(kind, bytes);
            work.addBytes(bytes.length);
          }
        }
        writer.commit();
        return admit(target, admissions);
      } finally {
        writer.abort();
      }
    }),
  );
}
