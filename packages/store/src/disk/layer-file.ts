/** `layer.json`: what a layer stands on. It is written before the layer comes under its name, and never changed. */
import { StoreError } from "../errors.js";
import type { LayerId } from "../ids.js";
import { isLayerId } from "./layer-id.js";

export interface LayerDescription {
  /** The layer below; null at the bottom. */
  parent: LayerId | null;
  createdAtMs: number;
}

const version = 1;

export function encodeLayer({ parent, createdAtMs }: LayerDescription): Buffer {
  return Buffer.from(`${JSON.stringify({ version, parent, createdAtMs }, null, 2)}\n`);
}

/** Code `corrupt`. */
export function decodeLayer(name: string, bytes: Buffer): LayerDescription {
  const fail = (reason: string, cause?: unknown): never => {
    throw new StoreError("corrupt", `description of layer ${name}: ${reason}`, {
      cause,
      data: { layer: name },
    });
  };
  let value: { version?: unknown; parent?: unknown; createdAtMs?: unknown };
  try {
    value = JSON.parse(bytes.toString("utf8")) as typeof value;
  } catch (error) {
    return fail("is not JSON", error);
  }
  if (typeof value !== "object" || value === null) return fail("is not an object");
  const { parent, createdAtMs } = value;
  if (value.version !== version) fail(`version ${JSON.stringify(value.version)} is not known`);
  if (parent !== null && !(typeof parent === "string" && isLayerId(parent)))
    return fail("parent is not an id");
  if (!Number.isSafeInteger(createdAtMs)) fail("time of creation is not a number");
  return { parent, createdAtMs: createdAtMs as number };
}
