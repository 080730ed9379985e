import { fstatSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { formatBytes } from "../../output/units.js";

/** The input travels inside one JSON request, whose body the server limits to 4 MiB. */
export const inputBytesMax = 3_000_000;

const stdinDescriptor = 0;

/** Silence longer than this is explained: a pipe that nobody closes would look like a command that hangs. */
const noticeAfterMs = 3000;

/** Everything that stands on stdin, or undefined when stdin is a terminal, a device or closed. */
export async function readInput(context: Context, signal: AbortSignal): Promise<string | undefined> {
  if (!hasInput(context.stdin)) return undefined;
  const notice = setTimeout(
    () => context.note("waiting for the end of standard input (--no-stdin runs the command without it)"),
    noticeAfterMs,
  );
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of addAbortSignal(signal, context.stdin)) {
      pieces.push(piece as Buffer);
      bytes += (piece as Buffer).length;
      if (bytes > inputBytesMax) throw tooLarge();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(notice);
  }
  return bytes === 0 ? undefined : decodeInput(Buffer.concat(pieces));
}

/** The API carries the input as text, so bytes that are no text would arrive changed. */
export function decodeInput(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new CliError("stdin_not_text", "standard input is not UTF-8 text, and exec can only pass on text", {
      exitCode: exitCode.usage,
      suggestion: "encode it: base64 < FILE | chaser exec W -- 'base64 -d > FILE'",
      cause: error,
    });
  }
}

function tooLarge(): CliError {
  return new CliError("stdin_too_large", `standard input is larger than ${formatBytes(inputBytesMax)}`, {
    exitCode: exitCode.usage,
    suggestion: "send it in several pieces, each appended to a file in the workspace",
  });
}

function hasInput(stdin: NodeJS.ReadStream): boolean {
  if (stdin.isTTY) return false;
  try {
    return !fstatSync(stdinDescriptor).isCharacterDevice();
  } catch {
    // Closed by whoever started us.
    return false;
  }
}
