/** How a snapshot becomes visible: its record gets its name, then its ref. Neither stays when either fails. */
import { StoreError } from "../errors.js";
import type { SnapshotInfo } from "../api.js";
import type { SnapshotId } from "../ids.js";
import type { Layout } from "../layout.js";
import { removeIfPresent } from "../platform/durable.js";
import { anywhere, type Fd, type Files } from "../platform/files.js";
import { StagedFile } from "../platform/staged-file.js";
import { decodeRecord, encodeRecord, type SnapshotRecord } from "./record.js";
import type { Refs } from "./refs.js";

/** What becomes visible with new objects, in steps that share their waits for the disk with those of the objects. */
export interface Publication<Result> {
  /** To be durable before `name`. */
  contents?: Fd[];
  /** A directory on a filesystem that is to be durable as a whole before `name`. */
  filesystem?: string | null;
  /** Gives names, and calls `sync` once with the directories that have them: durable when it returns, all with one wait. */
  name?: (sync: (directories: string[]) => void) => void;
  publish: () => Result;
  /** Removes what did not get its name. Idempotent. */
  discard?: () => void;
}

/** What else is to be durable before a snapshot's ref is. */
export interface Alongside {
  filesystem: string;
  name: () => void;
  /** Has the name. */
  directory: string;
  /** Once the name is durable. */
  settle: () => void;
}

export interface RecordPlace {
  files: Files;
  layout: Layout;
  refs: Refs;
}

/** Writes what a snapshot consists of, under no name yet. `publish` fails with `ref_conflict` where the name is taken. */
export function prepareSnapshot(
  place: RecordPlace,
  record: SnapshotRecord,
  other: Alongside | null,
): Required<Publication<SnapshotInfo>> {
  const { files, layout, refs } = place;
  const { id, bytes } = encodeRecord(record);
  const staged: StagedFile[] = [];
  const discard = (): void => staged.forEach((file) => file.discard());
  try {
    staged.push(StagedFile.create(files, layout.records, bytes));
    staged.push(refs.stage(record.diskId, id));
  } catch (error) {
    discard();
    throw error;
  }
  const [recordFile, ref] = staged as [StagedFile, StagedFile];
  const orWithdraw = <Result>(run: () => Result): Result => {
    try {
      return run();
    } catch (error) {
      withdraw(place, record, id, error);
      throw error;
    }
  };
  return {
    contents: staged.map(({ fd }) => fd),
    filesystem: other?.filesystem ?? null,
    name: (sync) =>
      orWithdraw(() => {
        recordFile.name(id);
        other?.name();
        sync(other === null ? [layout.records] : [other.directory, layout.records]);
        other?.settle();
      }),
    publish: () =>
      orWithdraw(() => {
        refs.swap(record.diskId, record.name, null, id, ref);
        return decodeRecord(id, bytes);
      }),
    discard,
  };
}

/**
 * Takes back a record whose ref could not be made. Never leaves a ref without its record: the ref may stand although its
 * durability failed, or may be that of a twin which another process made in the same millisecond.
 */
function withdraw(
  { files, layout, refs }: RecordPlace,
  record: SnapshotRecord,
  id: SnapshotId,
  cause: unknown,
): void {
  const isConflict = cause instanceof StoreError && cause.code === "ref_conflict";
  if (isConflict && cause.data["present"] === id) return;
  try {
    if (!isConflict && refs.read(record.diskId, record.name) === id) {
      refs.swap(record.diskId, record.name, id, null);
    }
    removeIfPresent(files, anywhere, `${layout.records}/${id}`);
  } catch {
    // What caused this says more than what came after it. A record that stays is swept by collection.
  }
}
