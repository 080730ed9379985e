/**
 * Small descriptions as JSON that a person can read, with a digest of themselves as the last field, so that no flipped bit in
 * them passes for what was written. A description has one encoding.
 */
import { hash } from "../chunk/hash.js";
import { StoreError } from "../errors.js";

const version = 1;

/** In the order of `fields`, after the version. */
export function encodeSealed(fields: object): Buffer {
  const described = { version, ...fields };
  const digest = hash(Buffer.from(JSON.stringify(described))).toString("hex", 0, 16);
  return Buffer.from(`${JSON.stringify({ ...described, digest }, null, 2)}\n`);
}

/** `what` names the description in errors, which have code `corrupt`, or `store_version_unsupported` when it is of a later version. */
export function decodeSealed(what: string, bytes: Buffer): Record<string, unknown> {
  const value = parsed(bytes);
  if (typeof value !== "object" || value === null)
    throw new StoreError("corrupt", `${what}: is not a JSON object`);
  const { version: found, digest: _digest, ...fields } = value as Record<string, unknown>;
  if (typeof found === "number" && found > version) {
    throw new StoreError("store_version_unsupported", `${what}: version ${found} is not known`);
  }
  if (!encodeSealed(fields).equals(bytes))
    throw new StoreError("corrupt", `${what}: does not match its digest`);
  return fields;
}

/** Null for what is not JSON. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}
