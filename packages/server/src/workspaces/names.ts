import { randomInt } from "node:crypto";
import { nameLengthMax } from "../limits.js";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Control, format, surrogate and unassigned characters; what separates path segments; what separates a snapshot from its workspace. */
const forbidden = /[\p{C}/\\@]/u;

/** Why a text cannot be a name, or null when it can. */
export function nameProblem(name: string): string | null {
  const length = [...name].length;
  if (length < 1 || length > nameLengthMax)
    return `a name has 1 to ${nameLengthMax} characters, not ${length}`;
  if (forbidden.test(name)) return "a name has no control characters and none of / \\ @";
  if (name !== name.trim()) return "a name does not begin or end with a space";
  if (name === "." || name === "..") return "a name is not . or ..";
  if (isUuid(name)) return "a name does not look like an id";
  return null;
}

export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** Two names are the same when their keys are: without regard to case or to how accents are encoded. */
export function nameKey(name: string): string {
  return name.normalize("NFC").toLowerCase().normalize("NFC");
}

const adjectives = [
  "amber",
  "brisk",
  "calm",
  "clear",
  "deep",
  "fair",
  "fresh",
  "keen",
  "quiet",
  "swift",
  "warm",
];
const nouns = [
  "brook",
  "cedar",
  "cliff",
  "creek",
  "delta",
  "field",
  "grove",
  "harbor",
  "meadow",
  "ridge",
  "river",
];

/** A name for a workspace whose maker gave none. Two may collide; the caller tries again. */
export function generateName(): string {
  const pick = (words: string[]): string => words[randomInt(words.length)] ?? "workspace";
  return `${pick(adjectives)}-${pick(nouns)}-${randomInt(1000, 10_000)}`;
}
