/** Finds in the compiled source each place that refuses what it read: these are the verifications. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Refusal {
  /** Below `src`. */
  file: string;
  /** The call that refuses, as it is written; the same text may stand in a file several times. */
  text: string;
  /** From 1, of those with this text in the file. */
  ordinal: number;
  start: number;
  end: number;
}

export const sourceUrl = new URL("../../src/", import.meta.url);

const beginning =
  /throw new StoreError\("(?:corrupt|chunk_missing|bundle_invalid|bundle_base_missing|ref_conflict|not_a_store|store_version_unsupported)"|(?:\b(?:input|judge|this)\.fail|(?<![\w.#])fail|this\.#find)\(/g;

/** Of code that reads what is stored; what the kernel says is not doubted. */
const folders = ["bytes.js", "pack/", "tree/", "snapshot/", "disk/", "maintenance/"];

export function allRefusals(): Refusal[] {
  return readdirSync(sourceUrl, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js") && folders.some((folder) => file.startsWith(folder)))
    .sort()
    .flatMap((file) => refusalsIn(file, readFileSync(fileURLToPath(new URL(file, sourceUrl)), "utf8")));
}

function refusalsIn(file: string, source: string): Refusal[] {
  const counts = new Map<string, number>();
  return [...source.matchAll(beginning)].flatMap((found) => {
    const end = endOfCall(source, found.index);
    // A method of this name is being defined.
    if (source.startsWith(" {", end)) return [];
    const text = source.slice(found.index, end).replaceAll(/\s+/g, " ");
    const ordinal = (counts.get(text) ?? 0) + 1;
    counts.set(text, ordinal);
    return [{ file, text, ordinal, start: found.index, end }];
  });
}

/** Behind the parenthesis that closes the first one. */
function endOfCall(source: string, start: number): number {
  let depth = 0;
  let quote: string | null = null;
  for (let at = source.indexOf("(", start); at < source.length; at++) {
    const character = source[at] as string;
    if (quote !== null) {
      if (character === "\\") at += 1;
      else if (character === quote) quote = null;
    } else if (`"'\``.includes(character)) quote = character;
    else if (character === "(") depth += 1;
    else if (character === ")" && (depth -= 1) === 0) return at + 1;
  }
  throw new Error(`no end of the call at ${start}`);
}
