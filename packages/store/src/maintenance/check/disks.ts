/** Checks disks: that what they say they stand on is there. */
import type { LayerId } from "../../ids.js";
import type { DiskDescription } from "../../disk/description.js";
import { filesName, workName } from "../../disk/generation.js";
import type { DiskRegistry } from "../../disk/registry.js";
import { StoreError } from "../../errors.js";
import { anywhere, isErrno } from "../../platform/files.js";
import type { Findings } from "./findings.js";

/** Under the lock of all disks, so that none is seen in the middle of a change. */
export function checkDisks(disks: DiskRegistry, findings: Findings): void {
  disks.guarded("shared", () => {
    const checked = new Set<LayerId>();
    for (const id of disks.ids()) {
      findings.guard("disk_damaged", `disks/${id}`, () => checkDisk(disks, id, checked, findings));
    }
    findings.guard("layer_damaged", "layers/empty", () => {
      if (disks.layers.isEmptyLayerEmpty()) return;
      throw new StoreError("corrupt", "the layer below all disks is not empty");
    });
  });
}

function checkDisk(disks: DiskRegistry, id: string, checked: Set<LayerId>, findings: Findings): void {
  const disk = readDisk(disks, id);
  if (disk === null) return;
  requireDirectory(disks, disks.upperPath(disk), `generation ${disk.upper} of disk ${id}`);
  if (disk.driver === "overlay") {
    requireDirectory(disks, `${disks.path(id)}/${disk.upper}/${workName}`, `work directory of disk ${id}`);
  } else if (disk.top !== null) {
    throw new StoreError("corrupt", `plain disk ${id} stands on a layer`);
  }
  const unmoved = disks.unmoved(disk);
  if (unmoved !== null) requireDirectory(disks, `${unmoved}/${filesName}`, `frozen generation of disk ${id}`);
  for (const layer of disks.stack(disk)) {
    if (checked.has(layer) || (unmoved !== null && layer === disk.top)) continue;
    checked.add(layer);
    findings.guard("layer_damaged", `layers/${layer}`, () =>
      requireDirectory(disks, disks.layers.filesPath(layer), `files of layer ${layer}`),
    );
  }
}

/** Null when there is no description because the disk was deleted: ids that mean nothing are found by name. */
function readDisk(disks: DiskRegistry, id: string): DiskDescription | null {
  try {
    return disks.read(id);
  } catch (error) {
    if (error instanceof StoreError && error.code === "invalid_argument") return null;
    if (!(error instanceof StoreError) || error.code !== "disk_not_found") throw error;
    throw new StoreError("corrupt", `disk ${id} has no description`);
  }
}

function requireDirectory({ files }: DiskRegistry, path: string, what: string): void {
  try {
    if (files.stat(anywhere, path).type === "directory") return;
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
  }
  throw new StoreError("corrupt", `${what} is missing`);
}
