/** Checks refs, the records that they name, and the trees of these. */
import type { SnapshotInfo } from "../../api.js";
import type { SnapshotId } from "../../ids.js";
import { StoreError } from "../../errors.js";
import { readWhole } from "../../platform/durable.js";
import { decodeRecord, treeDigest } from "../../snapshot/record.js";
import type { RefScope } from "../../snapshot/ref-scope.js";
import { refFile } from "../../snapshot/refs.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Findings } from "./findings.js";
import type { TreeCheck } from "./trees.js";

/** Damaged paths named for one snapshot; more are only counted, the first ones tell where to look. */
const pathsNamedMax = 20;

/** A ref that does not lead to a snapshot of its name. */
export interface DamagedRef {
  scope: RefScope;
  file: string;
  /** What it names, when it can be read. */
  record: SnapshotId | null;
}

/** All snapshots that can be read; refs that lead to none go to `damaged`. */
export function checkRefs(repository: Repository, findings: Findings, damaged: DamagedRef[]): SnapshotInfo[] {
  const snapshots: SnapshotInfo[] = [];
  for (const scope of repository.refs.scopes()) {
    let names: string[] = [];
    findings.guard("ref_damaged", `refs/disks/${scope}`, () => {
      names = repository.refs.files(scope).filter(isRefFile);
    });
    for (const file of names) {
      const ref: DamagedRef = { scope, file, record: null };
      const object = refPath(ref);
      const sound = findings.guard("ref_damaged", object, () => {
        ref.record = repository.refs.readFile(scope, file);
      });
      if (sound && ref.record === null) continue;
      const snapshot = ref.record === null ? null : readSnapshot(repository, ref, ref.record, findings);
      if (snapshot === undefined) continue;
      if (snapshot === null) damaged.push(ref);
      else snapshots.push(snapshot);
    }
  }
  return snapshots;
}

/** Null when the ref does not lead to its snapshot, undefined when it was removed meanwhile. */
function readSnapshot(
  repository: Repository,
  ref: DamagedRef,
  id: SnapshotId,
  findings: Findings,
): SnapshotInfo | null | undefined {
  const { files, layout, refs } = repository;
  const bytes = readWhole(files, `${layout.records}/${id}`);
  // Removed meanwhile: first the ref goes, then the record.
  if (bytes === null && refs.readFile(ref.scope, ref.file) !== id) return undefined;
  if (bytes === null) {
    findings.add("record_missing", `snapshots/${id}`, `named by ${refPath(ref)}`);
    return null;
  }
  let snapshot: SnapshotInfo | null = null;
  findings.guard("record_unreadable", `snapshots/${id}`, () => {
    snapshot = decodeRecord(id, bytes);
  });
  if (snapshot === null) return null;
  const { name, diskId } = snapshot as SnapshotInfo;
  const agrees = findings.guard("ref_damaged", refPath(ref), () => {
    if (refFile(name) === ref.file && diskId === ref.scope) return;
    throw new StoreError("corrupt", `names the record of ${snapshotName({ name, diskId })}`);
  });
  return agrees ? snapshot : null;
}

/** Returns the snapshots that are not whole. */
export function checkTrees(trees: TreeCheck, snapshots: SnapshotInfo[], findings: Findings): SnapshotInfo[] {
  return snapshots.filter((snapshot) => {
    const damages = trees.check(treeDigest(snapshot.tree), snapshot);
    const name = snapshotName(snapshot);
    for (const { path, reason } of damages.slice(0, pathsNamedMax)) {
      findings.add("tree_damaged", path.length === 0 ? "." : path.toString("utf8"), reason, [name]);
    }
    if (damages.length > pathsNamedMax) {
      const more = `${damages.length - pathsNamedMax} more damaged paths`;
      findings.add("tree_damaged", snapshot.tree, more, [name]);
    }
    return damages.length > 0;
  });
}

export function isRefFile(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

export function refPath({ scope, file }: Pick<DamagedRef, "scope" | "file">): string {
  return scope === null ? `refs/snapshots/${file}` : `refs/disks/${scope}/${file}`;
}

/** Snapshots of a disk are called `disk@name`. */
function snapshotName({ name, diskId }: Pick<SnapshotInfo, "name" | "diskId">): string {
  return diskId === null ? name : `${diskId}@${name}`;
}
