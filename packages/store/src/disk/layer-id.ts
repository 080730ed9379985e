/** Layer ids are short, because the ids of a whole stack have to fit the kernel's one page of mount options. */
import type { LayerId } from "../ids.js";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
/** 36 ** 12 is above 2 ** 62: no two layers of a store ever meet. */
const characters = 12;
const pattern = /^[a-z0-9]{12}$/;

export function isLayerId(text: string): text is LayerId {
  return pattern.test(text);
}

export function newLayerId(): LayerId {
  // Loaded here, because it takes as long as much of the store, and few calls need it.
  const { randomInt } = process.getBuiltinModule("node:crypto");
  return Array.from({ length: characters }, () => alphabet[randomInt(alphabet.length)]).join("") as LayerId;
}
