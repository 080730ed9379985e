/**
 * Puts refs right that lead to no snapshot. What a name stands for can often still be told: by a record of that name that no
 * other ref names, or by the damaged record itself when all that it says of its tree is true.
 */
import type { SnapshotInfo } from "../../api.js";
import type { SnapshotId } from "../../ids.js";
import { hash } from "../../chunk/hash.js";
import { readWhole, writeDurably } from "../../platform/durable.js";
import { decodeRecord, encodeRecord, treeDigest } from "../../snapshot/record.js";
import { refFile } from "../../snapshot/refs.js";
import type { Repository } from "../../snapshot/repository.js";
import { isDamage } from "../check/findings.js";
import type { PresentObjects } from "../check/present.js";
import { refPath, type DamagedRef } from "../check/snapshots.js";
import type { TreeCheck } from "../check/trees.js";

export interface RefRepair {
  /** Refs that lead to a snapshot again. */
  restored: string[];
  /** What is to go to quarantine. All paths are relative to the store. */
  useless: string[];
}

/** `present`: all objects that can be read. */
export function repairRefs(
  repository: Repository,
  damaged: DamagedRef[],
  present: PresentObjects,
  trees: TreeCheck,
): RefRepair {
  const repair: RefRepair = { restored: [], useless: [] };
  if (damaged.length === 0) return repair;
  const orphans = orphanRecords(repository);
  for (const ref of damaged) {
    const fits = ({ name, diskId, tree }: SnapshotInfo): boolean =>
      refFile(name) === ref.file && diskId === ref.scope && present.get(treeDigest(tree)) !== null;
    const bytes = ref.record === null ? null : recordBytes(repository, ref.record);
    const named = bytes === null ? null : decodedOrNull(idOf(bytes), bytes);
    const isTrue = named !== null && fits(named) && trees.check(treeDigest(named.tree), named).length === 0;
    const [orphan] = orphans.filter(fits).sort((a, b) => b.createdAtMs - a.createdAtMs);
    const wanted = orphan ?? (isTrue ? named : null);
    if (wanted === null) repair.useless.push(refPath(ref));
    else {
      const { id, bytes: encoded } = encodeRecord(wanted);
      writeDurably(repository.files, repository.layout.records, id, encoded);
      repository.refs.rewrite(ref.scope, ref.file, id);
      repair.restored.push(refPath(ref));
    }
    // One that is whole belongs to another name.
    if (bytes !== null && idOf(bytes) !== ref.record) repair.useless.push(`snapshots/${ref.record}`);
  }
  return repair;
}

/** Records that no ref names: left by a stop between two steps, or by damage to their ref. */
function orphanRecords(repository: Repository): SnapshotInfo[] {
  const { refs } = repository;
  const named = new Set(
    refs.scopes().flatMap((scope) => refs.files(scope).map((file) => refOrNull(repository, scope, file))),
  );
  return repository
    .recordIds()
    .filter((id) => !named.has(id))
    .flatMap((id) => {
      const bytes = recordBytes(repository, id);
      return bytes === null ? [] : (decodedOrNull(id, bytes) ?? []);
    });
}

function refOrNull(repository: Repository, scope: string | null, file: string): SnapshotId | null {
  return tolerant(() => repository.refs.readFile(scope, file));
}

function recordBytes({ files, layout }: Repository, id: SnapshotId): Buffer | null {
  return tolerant(() => readWhole(files, `${layout.records}/${id}`));
}

function decodedOrNull(id: SnapshotId, bytes: Buffer): SnapshotInfo | null {
  return tolerant(() => decodeRecord(id, bytes));
}

function idOf(bytes: Buffer): SnapshotId {
  return hash(bytes).toString("hex") as SnapshotId;
}

function tolerant<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return null;
  }
}
