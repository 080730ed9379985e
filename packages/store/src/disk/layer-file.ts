/** `layer.json`: what a layer stands on. It is written before the layer comes under its name, and never changed. */
import { StoreError } from "../errors.js";
import type { LayerId } from "../ids.js";
import { isLayerId } from "./layer-id.js";
import { decodeSealed, encodeSealed } from "./sealed-json.js";

export interface LayerDescription {
  /** The layer below; null at the bottom. */
  parent: LayerId | null;
  createdAtMs: number;
}

export function encodeLayer({ parent, createdAtMs }: LayerDescription): Buffer {
  return encodeSealed({ parent, createdAtMs });
}

/** Code `corrupt`. */
export function decodeLayer(name: string, bytes: Buffer): LayerDescription {
  const fail = (reason: string): never => {
    throw new StoreError("corrupt", `description of layer ${name}: ${reason}`, { data: { layer: name } });
  };
  const value = decodeSealed(`description of layer ${name}`, bytes);
  const { parent, createdAtMs } = value;
  if (Object.keys(value).join() !== "parent,createdAtMs") fail("has other fields");
  if (parent !== null && !(typeof parent === "string" && isLayerId(parent)))
    return fail("parent is not an id");
  if (!Number.isSafeInteger(createdAtMs)) fail("time of creation is not a number");
  return { parent, createdAtMs: createdAtMs as number };
}
