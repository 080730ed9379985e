/**
 * `disk.json`: what a disk is. Replacing this one small file is the commit point of every change of a disk, because it
 * names the layer below and the generation that holds the writable files; whatever it does not name is garbage.
 */
import type { DiskDriver } from "../api.js";
import { StoreError } from "../errors.js";
import type { LayerId } from "../ids.js";
import { isLayerId } from "./layer-id.js";
import { decodeSealed, encodeSealed } from "./sealed-json.js";

export interface DiskDescription {
  id: string;
  driver: DiskDriver;
  createdAtMs: number;
  /** The topmost layer; null when the upper stands on nothing. Always null for the driver `directory`. */
  top: LayerId | null;
  /** The generation (`u1`, `u2`, ...) with the writable files. */
  upper: string;
  /** The generation that became `top` and may still have to be moved to the layers. */
  freezing: string | null;
}

const generationPattern = /^u[1-9][0-9]{0,14}$/;

/** Ids become directory names, and stand in mount options. Code `invalid_argument`. */
export function checkDiskId(id: string): void {
  if (typeof id === "string" && /^[a-z0-9][a-z0-9-]{0,63}$/.test(id)) return;
  throw new StoreError(
    "invalid_argument",
    `disk id ${JSON.stringify(id)} is not allowed: 1 to 64 of a-z, 0-9 and "-", not starting with "-"`,
    { data: { field: "id" } },
  );
}

export function firstGeneration(): string {
  return "u1";
}

export function isGeneration(name: string): boolean {
  return generationPattern.test(name);
}

export function nextGeneration(generation: string): string {
  return `u${Number(generation.slice(1)) + 1}`;
}

export function encodeDescription(description: DiskDescription): Buffer {
  const { id, driver, createdAtMs, top, upper, freezing } = description;
  return encodeSealed({ id, driver, createdAtMs, top, upper, freezing });
}

/** `id` is the name of the directory that the file was found in. Code `corrupt`. */
export function decodeDescription(id: string, bytes: Buffer): DiskDescription {
  const fail = (reason: string): never => {
    throw new StoreError("corrupt", `description of disk ${id}: ${reason}`, { data: { disk: id } });
  };
  const value = decodeSealed(`description of disk ${id}`, bytes);
  const { driver, createdAtMs, top, upper, freezing } = value;
  if (Object.keys(value).join() !== "id,driver,createdAtMs,top,upper,freezing") fail("has other fields");
  if (value["id"] !== id) fail(`is that of ${JSON.stringify(value["id"])}`);
  if (driver !== "overlay" && driver !== "directory") return fail("driver is not known");
  if (!Number.isSafeInteger(createdAtMs)) fail("time of creation is not a number");
  if (top !== null && !(typeof top === "string" && isLayerId(top))) return fail("top layer is not an id");
  if (typeof upper !== "string" || !isGeneration(upper)) return fail("upper is not a generation");
  if (freezing !== null && (typeof freezing !== "string" || !isGeneration(freezing) || freezing === upper)) {
    return fail("frozen upper is not a generation");
  }
  return { id, driver, createdAtMs: createdAtMs as number, top: top, upper, freezing };
}
