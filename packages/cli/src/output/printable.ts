/**
 * Names and messages may come from inside a workspace, where a stranger chose them. On a terminal, control characters
 * move the cursor, rename the window or hide text, and bidirectional marks reorder it; so they are shown escaped.
 */

// Control characters (Cc), line and paragraph separators, marks that change the direction of what follows, and halves
// of surrogate pairs.
const unprintable = /\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** `text` with everything that could drive a terminal written as `\xNN` or `\u{NNNN}`, on one line. */
export function printable(text: string): string {
  return text.replace(unprintable, escapeCharacter);
}

/** Like `printable`, but keeps line breaks and tabs, for texts of several lines. */
export function printableLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split("\t").map(printable).join("\t"))
    .join("\n");
}

/**
 * A path of raw bytes as text: UTF-8 where it is valid, every other byte as `\xNN`. A backslash in the path becomes
 * two, so that no two paths look the same.
 */
export function printablePath(path: Uint8Array): string {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  let text = "";
  let rest = bytes;
  while (rest.length > 0) {
    const valid = validPrefixLength(rest);
    text += printable(rest.toString("utf8", 0, valid).replaceAll("\\", "\\\\"));
    if (valid < rest.length) text += hexByte(rest[valid] ?? 0);
    rest = rest.subarray(valid + 1);
  }
  return text;
}

/** A path for JSON: `path` is for reading; `path_base64` is there when the bytes are not UTF-8 and `path` is escaped. */
export function jsonPath(path: Uint8Array): { path: string; path_base64?: string } {
  try {
    return { path: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path) };
  } catch {
    return { path: printablePath(path), path_base64: Buffer.from(path).toString("base64") };
  }
}

/** How many bytes from the start are valid UTF-8. Decoding stops at the first byte that is not. */
function validPrefixLength(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    if (length === 0 || at + length > bytes.length) return at;
    if (length > 1 && bytes.toString("utf8", at, at + length).includes("\ufffd") && !isReplacement(bytes, at))
      return at;
    at += length;
  }
  return at;
}

function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

/** U+FFFD itself, encoded on purpose, is not a decoding fault. */
function isReplacement(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  return code < 0x100 ? hexByte(code) : `\\u{${code.toString(16)}}`;
}

function hexByte(byte: number): string {
  return "\\x" + byte.toString(16).padStart(2, "0");
}
