import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Execution } from "../api.js";
import { RuntimeError } from "../errors.js";
import { capture } from "../exec/capture.js";
import { programsFor, sandboxPath } from "./path.js";
import type { Exec } from "./read.js";
import {
  COMMIT_DIRECTORY_SCRIPT,
  COMMIT_FILE_SCRIPT,
  DISCARD_SCRIPT,
  RECEIVE_DIRECTORY_SCRIPT,
  RECEIVE_FILE_SCRIPT,
  script,
} from "./scripts.js";

export interface WriteOptions {
  path: string;
  /** `tar`: an archive that is unpacked into the directory `path`. */
  kind: "file" | "tar";
  content: Readable;
  /** Permission bits; default those of the file that is replaced, else 0644. */
  mode?: number;
  /** Seconds since 1970, fractions allowed. */
  modified?: string;
  /** From `newStaging`: what it is called beside its place until `commit`. Default: a new one. */
  staging?: string;
}

/** A name that nothing has. Who keeps it with the path can remove what a transfer left that nobody could end. */
export function newStaging(): string {
  return `.chaser-upload-${randomUUID()}`;
}

/** Removes what is left beside `path` of a transfer under that name, if anything. Code `transfer_failed`, and those of `exec`. */
export async function removeStaging(exec: Exec, options: { path: string; staging: string }): Promise<void> {
  const path = sandboxPath(options.path);
  await run(
    (command) => exec({ command, ...programsFor(path) }),
    script(DISCARD_SCRIPT, path, options.staging),
  );
}

/** From here on until `commit` or `discard` the content is beside its place. */
export interface Received {
  readonly bytes: number;
  /** Puts it in its place. Code `transfer_failed`; nothing is left beside it then. */
  commit(): Promise<void>;
  /** Idempotent, never rejects. */
  discard(): Promise<void>;
}

/**
 * Takes a file, or a directory as a tar archive, into a session, beside its place. What was there stays as it is until
 * `commit`, whoever dies meanwhile. Codes `transfer_failed`, `file_too_large`, `disk_full`, and those of `exec`;
 * a `content` that fails makes it fail with the same error.
 */
export async function receive(exec: Exec, options: WriteOptions): Promise<Received> {
  const path = sandboxPath(options.path);
  const programs = programsFor(path);
  const start = (command: string[]): Promise<Execution> => exec({ command, ...programs });
  const name = options.staging ?? newStaging();
  const isFile = options.kind === "file";
  const discard = async (): Promise<void> => {
    await removeStaging(exec, { path, staging: name }).catch(() => undefined);
  };
  const commit = async (): Promise<void> => {
    const { mode, modified } = options;
    const bits = mode === undefined ? "" : mode.toString(8).padStart(4, "0");
    const command = isFile
      ? script(COMMIT_FILE_SCRIPT, path, name, bits, modified ?? "")
      : script(COMMIT_DIRECTORY_SCRIPT, path, name);
    try {
      await run(start, command);
    } catch (error) {
      await discard();
      throw error;
    }
  };
  const text = isFile ? RECEIVE_FILE_SCRIPT : RECEIVE_DIRECTORY_SCRIPT;
  try {
    const execution = await start(script(text, path, name));
    const { bytes, finalZeros } = await feed(execution, options.content);
    // tar itself takes an archive that was cut between two of its entries for a whole one.
    if (!isFile && finalZeros < ARCHIVE_END_BYTES)
      throw new RuntimeError("transfer_failed", "the archive is cut short: it has no end mark");
    return { bytes, commit, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function run(start: (command: string[]) => Promise<Execution>, command: string[]): Promise<void> {
  const { exitCode, stderr } = await capture(await start(command));
  if (exitCode !== 0) throw failure(exitCode, stderr.toString("utf8"));
}

/** Gives a command its input as fast as it takes it. A command that ends early ends the input, and the other way round. */
async function feed(execution: Execution, content: Readable): Promise<{ bytes: number; finalZeros: number }> {
  let bytes = 0;
  let finalZeros = 0;
  let broken: { error: unknown } | undefined;
  const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of source) {
        bytes += chunk.length;
        const zeros = zerosAtEnd(chunk);
        finalZeros = zeros === chunk.length ? finalZeros + zeros : zeros;
        yield chunk;
      }
    } catch (error) {
      broken = { error };
      throw error;
    }
  };
  const stderr: Buffer[] = [];
  execution.stdout.resume();
  execution.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < DIAGNOSTIC_CHUNKS_MAX) stderr.push(chunk);
  });
  const said = new Promise((resolve) => execution.stderr.once("close", resolve));
  const stop = new AbortController();
  const ended = execution.completed.finally(() => {
    stop.abort();
  });
  ended.catch(() => undefined);
  // How it went is for the command to say; only a content that broke off is known here alone.
  await pipeline(content, counted, execution.stdin, { signal: stop.signal }).catch(() => undefined);
  if (broken !== undefined) execution.kill("SIGKILL");
  const { exitCode } = await ended;
  if (broken !== undefined) throw broken.error;
  if (exitCode !== 0) {
    await said;
    throw failure(exitCode, Buffer.concat(stderr).toString("utf8"));
  }
  return { bytes, finalZeros };
}

const DIAGNOSTIC_CHUNKS_MAX = 8;

/** POSIX: two blocks of zeros. */
const ARCHIVE_END_BYTES = 1024;

function zerosAtEnd(chunk: Buffer): number {
  let from = chunk.length;
  while (from > 0 && chunk[from - 1] === 0) from -= 1;
  return chunk.length - from;
}
const EXIT_FILE_SIZE = 128 + 25; // SIGXFSZ

function failure(exitCode: number, stderr: string): RuntimeError {
  const data = { exitCode };
  if (exitCode === EXIT_FILE_SIZE || stderr.includes("File too large"))
    return new RuntimeError("file_too_large", "a file is larger than a session may write", data);
  if (/No space left on device|Disk quota exceeded/.test(stderr))
    return new RuntimeError("disk_full", "there is no space left on the disk", data);
  return new RuntimeError(
    "transfer_failed",
    reason(stderr) ?? `the transfer ended with ${String(exitCode)}`,
    data,
  );
}

/** The first complaint, without the program's name; names in it are the user's own. */
function reason(stderr: string): string | null {
  const [line = ""] = stderr.split("\n");
  const plain = line.replace(/[\u0000-\u001f\u007f]/g, "?");
  const text = plain
    .replace(/^(chaser: \d+|[a-z/]+): /, "")
    .replace(/\/\.chaser-upload-[0-9a-f-]{36}/g, "")
    .trim();
  return text === "" ? null : text.charAt(0).toLowerCase() + text.slice(1);
}
