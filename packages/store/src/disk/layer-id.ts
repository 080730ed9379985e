/** Layer ids are short, because the ids of a whole stack have to fit the kernel's one page of mount options. */
import type { LayerId } from "../ids.js";
import { randomBelow } from "../platform/random.js";

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
/** 36 ** 12 is above 2 ** 62: no two layers of a store ever meet. */
const characters = 12;
const pattern = /^[a-z0-9]{12}$/;

export function isLayerId(text: string): text is LayerId {
  return pattern.test(text);
}

export function newLayerId(): LayerId {
  return Array.from({ length: characters }, () => alphabet[randomBelow(alphabet.length)]).join("") as LayerId;
}
