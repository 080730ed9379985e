import { readFileSync } from "node:fs";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";

const slash = 0x2f;
const dot = 0x2e;

/** Paths inside a tree have no slash at either end; people type both. The root is the empty path. */
export function treePath(typed: string): Uint8Array {
  return trimmed(typedBytes(typed, commandLine));
}

export function trimmed(path: Buffer): Uint8Array {
  let start = 0;
  for (;;) {
    const at = path[start] === dot && (path[start + 1] ?? slash) === slash ? start + 1 : start;
    if (at === start && path[at] !== slash) break;
    start = at;
    while (path[start] === slash) start += 1;
  }
  let end = path.length;
  while (end > start && path[end - 1] === slash) end -= 1;
  return path.subarray(start, end);
}

/** Names are bytes. Node puts U+FFFD where an argument is not UTF-8; the kernel still knows what was typed. */
export function typedBytes(typed: string, rawArguments: () => Buffer[]): Buffer {
  if (!typed.includes("\ufffd")) return Buffer.from(typed);
  const meant = rawArguments().flatMap((raw) => {
    const text = raw.toString();
    if (text === typed) return [raw];
    // As in --path=PATH.
    return text.startsWith("--") && text.endsWith(`=${typed}`) ? [raw.subarray(raw.indexOf("=") + 1)] : [];
  });
  const [first, ...others] = meant;
  if (others.some((other) => first?.equals(other) === false)) {
    throw new CliError("usage", `several paths read ${printable(typed)}`, {
      exitCode: exitCode.usage,
      suggestion: "give them one at a time",
    });
  }
  return first ?? Buffer.from(typed);
}

function commandLine(): Buffer[] {
  const words: Buffer[] = [];
  let rest = readFileSync("/proc/self/cmdline");
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    words.push(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
  }
  return words;
}
