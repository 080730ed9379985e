/**
 * BLAKE3-256 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn: "BLAKE3, one function, fast everywhere"). The native
 * accelerator is used when its binary for this machine is installed, else the portable WebAssembly build; both are
 * tested against the official vectors.
 */
import { createRequire } from "node:module";

/** 32 bytes. */
export type Digest = Buffer;

export const digestBytes = 32;

type HashFunction = (bytes: Uint8Array) => Digest;

const require = createRequire(import.meta.url);

export function portableHash(): HashFunction {
  const portable = require("blake3") as { hash(bytes: Uint8Array): Buffer };
  // Its results share one buffer with what comes after, so they are copied.
  return (bytes) => Buffer.from(portable.hash(bytes));
}

/** Null where the accelerator has no binary for this machine. */
export function acceleratedHash(): HashFunction | null {
  try {
    const native = require("@napi-rs/blake-hash") as { blake3(bytes: Uint8Array): Buffer };
    native.blake3(Buffer.alloc(0));
    // Each result of the addon is memory of its own, which costs far more than its 32 bytes; the copy comes from a shared pool.
    return (bytes) => Buffer.from(native.blake3(bytes));
  } catch {
    return null;
  }
}

/** The fastest implementation here, chosen once. */
export const hash: HashFunction = acceleratedHash() ?? portableHash();

/** A digest as the key of a map: 32 characters, one a byte. */
export function digestKey(digest: Digest): string {
  return digest.toString("latin1", 0, digestBytes);
}
