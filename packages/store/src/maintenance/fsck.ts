/**
 * Checks what FORMAT.md states, and names the snapshots and paths that damage touches. Reads every pack's contents, every
 * index segment, record and ref, every tree, the counts of references and what disks say; with `readData` also every frame and object.
 *
 * Others may write meanwhile, so what names is listed before what is named: refs before segments, segments before packs.
 */
import type { FsckFinding, FsckReport, SnapshotInfo } from "../api.js";
import type { PackId } from "../ids.js";
import { DiskRegistry } from "../disk/registry.js";
import { Layers } from "../disk/layers.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { checkDisks } from "./check/disks.js";
import { Findings } from "./check/findings.js";
import { checkNames } from "./check/names.js";
import { surveyPacks, type PackSurvey } from "./check/packs.js";
import { presentObjects, type PresentObjects } from "./check/present.js";
import { checkReferences } from "./check/references.js";
import { SegmentCheck } from "./check/segments.js";
import { checkRefs, checkTrees, type DamagedRef } from "./check/snapshots.js";
import { TreeCheck } from "./check/trees.js";
import type { References } from "./references.js";

export interface StoreCheck {
  findings: FsckFinding[];
  checkedChunks: number;
  checkedSnapshots: number;
  /** What a repair has to deal with. Paths are relative to the store. */
  missingDirectories: string[];
  strays: string[];
  damagedRefs: DamagedRef[];
  indexIsWrong: boolean;
  packs: ReadonlySet<PackId>;
  damagedPacks: ReadonlySet<PackId>;
  /** Snapshots with damaged paths. */
  damagedSnapshots: SnapshotInfo[];
  /** The right counts of references, where those that are kept are wrong. */
  rightReferences: References | null;
  present: PresentObjects;
}

/** The check alone: nothing is changed. */
export function fsck(repository: Repository, work: Work, readData: boolean): FsckReport {
  const startedAt = performance.now();
  return reportOf(checkStore(repository, work, readData), startedAt);
}

/** `startedAt` is of `performance.now`. */
export function reportOf(check: StoreCheck, startedAt: number): FsckReport {
  return {
    ok: check.findings.length === 0,
    findings: check.findings,
    repair: null,
    checkedPacks: check.packs.size,
    checkedChunks: check.checkedChunks,
    checkedSnapshots: check.checkedSnapshots,
    durationMs: performance.now() - startedAt,
  };
}

/** To be called while no pack can go. */
export function checkStore(repository: Repository, work: Work, readData: boolean): StoreCheck {
  const findings = new Findings();
  const { missing, strays } = checkNames(repository, findings);
  const damagedRefs: DamagedRef[] = [];
  const snapshots = checkRefs(repository, findings, damagedRefs);
  // First, because it takes the most memory: what the rest leaves behind is not added to it.
  const rightReferences = checkReferences(repository, work, findings);
  const { survey, indexIsWrong } = checkObjects(repository, work, readData, findings);
  const present = presentObjects(repository, survey, { indexIsWrong });
  const trees = new TreeCheck(repository.chunks, present, work);
  const damagedSnapshots = checkTrees(trees, snapshots, findings);
  checkDisks(disksOf(repository), findings);
  return {
    findings: findings.all,
    checkedChunks: survey.checkedChunks,
    checkedSnapshots: snapshots.length,
    missingDirectories: missing,
    strays,
    damagedRefs,
    indexIsWrong,
    packs: survey.packs,
    damagedPacks: new Set(survey.damaged.keys()),
    damagedSnapshots,
    rightReferences,
    present,
  };
}

function checkObjects(
  repository: Repository,
  work: Work,
  readData: boolean,
  findings: Findings,
): { survey: PackSurvey; indexIsWrong: boolean } {
  const segments = new SegmentCheck(repository, findings);
  try {
    const survey = surveyPacks(repository, work, readData, findings, (pack) => segments.compare(pack));
    segments.finish(survey.packs);
    return { survey, indexIsWrong: segments.wrong };
  } finally {
    segments.close();
  }
}

export function disksOf({ files, layout }: Repository): DiskRegistry {
  return new DiskRegistry(files, layout, new Layers(files, layout));
}
