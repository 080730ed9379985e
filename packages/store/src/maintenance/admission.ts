/** Lets snapshots of another store in: under which names, and all of them or none. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import { checkSnapshotName, encodeRecord, type SnapshotRecord } from "../snapshot/record.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import { refFile } from "../snapshot/refs.js";
import type { Repository } from "../snapshot/repository.js";

export interface Admission {
  record: SnapshotRecord;
  /** The very same snapshot stands here already. */
  present: boolean;
}

/** Codes `snapshot_name_taken` when a name stands for another snapshot, `invalid_argument` for a rename of nothing. */
export function planAdmission(
  repository: Repository,
  scope: RefScope,
  snapshots: SnapshotInfo[],
  rename: Record<string, string> = {},
): Admission[] {
  const names = new Map(Object.entries(rename).map(([from, to]) => [refFile(from), { from, to }]));
  const given = new Set(snapshots.map(({ name }) => refFile(name)));
  for (const [key, { from }] of names) {
    if (given.has(key)) continue;
    throw new StoreError("invalid_argument", `there is no snapshot ${JSON.stringify(from)} to rename`, {
      data: { field: "rename" },
    });
  }
  const taken = new Set<string>();
  return snapshots.map(({ id: _id, ...snapshot }) => {
    const name = names.get(refFile(snapshot.name))?.to ?? snapshot.name;
    checkSnapshotName(name);
    const record = { ...snapshot, name, diskId: scope };
    const standing = repository.refs.read(scope, name);
    const present = standing === encodeRecord(record).id;
    if ((standing !== null && !present) || taken.has(refFile(name))) {
      throw new StoreError("snapshot_name_taken", `there already is a snapshot ${JSON.stringify(name)}`, {
        data: { name },
      });
    }
    taken.add(refFile(name));
    return { record, present };
  });
}

/** Makes the snapshots visible. What they consist of is durable. When one fails, those before it are taken back. */
export function admit(repository: Repository, admissions: Admission[]): SnapshotInfo[] {
  const added: SnapshotInfo[] = [];
  try {
    return admissions.map(({ record, present }) => {
      if (present) return repository.getSnapshot(record.diskId, record.name);
      const snapshot = repository.addRecord(record);
      added.push(snapshot);
      return snapshot;
    });
  } catch (error) {
    for (const snapshot of added) {
      try {
        repository.removeSnapshot(snapshot);
      } catch {
        // What caused this says more. A snapshot that stays is whole.
      }
    }
    throw error;
  }
}
