import type { ExecSpec, Execution } from "../api.js";
import { RuntimeError } from "../errors.js";
import { DIAGNOSTIC_BYTES_MAX, FILE_OPEN_MS_MAX } from "../limits.js";
import { programsFor, sandboxPath } from "./path.js";
import { READ_SCRIPT, script } from "./scripts.js";

/** How commands of a session are started. */
export type Exec = (spec: ExecSpec) => Promise<Execution>;

export interface FileInfo {
  kind: "file" | "directory";
  /** Of a directory: of its listing, not of what is in it. */
  sizeBytes: number;
  mode: number;
  /** Seconds since 1970 with nine digits behind the point. */
  modified: string;
  inode: string;
}

export interface OpenedPath {
  readonly info: FileInfo;
  /** The bytes of a file from `offset` on, or a directory as a tar archive. Once. Fails rather than end early. */
  read(range?: { offset: number; length: number }): AsyncGenerator<Buffer>;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a file or directory inside a session. Codes `path_not_found`, `path_denied`, `path_unsupported` (a device,
 * a FIFO, a socket), `transfer_failed`, and those of `exec`.
 */
export async function openPath(exec: Exec, path: string): Promise<OpenedPath> {
  const absolute = sandboxPath(path);
  const programs = programsFor(absolute);
  return (
    (await openWith(exec, absolute, programs)) ??
    (await openWith(exec, absolute, {})) ??
    Promise.reject(new RuntimeError("transfer_failed", `${JSON.stringify(absolute)} could not be opened`))
  );
}

/** Null when the path leads to where these programs do not see what is meant. */
async function openWith(
  exec: Exec,
  absolute: string,
  programs: Pick<ExecSpec, "root">,
): Promise<OpenedPath | null> {
  const command = script(READ_SCRIPT, absolute, programs.root === undefined ? "" : "links");
  const execution = await exec({ command, ...programs });
  execution.stderr.resume();
  const close = (): void => {
    execution.kill("SIGKILL");
    execution.stdin.destroy();
    execution.stdout.destroy();
    execution.stderr.destroy();
  };
  try {
    const line = await firstLine(execution);
    if (line === "elsewhere") {
      close();
      return null;
    }
    const info = describe(line, absolute);
    return { info, close, read: (range) => content(execution, info, range ?? whole(info)) };
  } catch (error) {
    close();
    throw error;
  }
}

function whole(info: FileInfo): { offset: number; length: number } {
  return { offset: 0, length: info.sizeBytes };
}

async function* content(
  execution: Execution,
  info: FileInfo,
  range: { offset: number; length: number },
): AsyncGenerator<Buffer> {
  execution.stdin.end(`${String(range.offset)} ${String(range.length)}\n`);
  let bytes = 0;
  for await (const chunk of execution.stdout) {
    bytes += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  const { exitCode } = await execution.completed;
  // tar ends with 1 when something changed while it was read: the archive is whole, the file as it was at some moments.
  const isWhole = info.kind === "file" ? bytes === range.length : exitCode <= 1;
  if (!isWhole)
    throw new RuntimeError("transfer_failed", "what is read was cut short meanwhile", { exitCode });
}

/** Waits for the description. Opening what became a FIFO in between would wait for ever, so this does not. */
async function firstLine(execution: Execution): Promise<string> {
  const { stdout } = execution;
  const timer = setTimeout(() => {
    execution.kill("SIGKILL");
  }, FILE_OPEN_MS_MAX);
  try {
    let text = "";
    for (;;) {
      const chunk = stdout.read() as Buffer | null;
      if (chunk !== null) text += chunk.toString("utf8");
      const end = text.indexOf("\n");
      if (end !== -1) return text.slice(0, end);
      if (stdout.readableEnded || stdout.destroyed || text.length > DIAGNOSTIC_BYTES_MAX) return text;
      if (chunk === null) await change(stdout);
    }
  } finally {
    clearTimeout(timer);
  }
}

function change(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    const events = ["readable", "end", "close"] as const;
    const once = (): void => {
      for (const event of events) stream.off(event, once);
      resolve();
    };
    for (const event of events) stream.on(event, once);
  });
}

function describe(line: string, path: string): FileInfo {
  const [kind, ...fields] = line.split(" ");
  const named = JSON.stringify(path);
  if (kind === "missing") throw new RuntimeError("path_not_found", `there is no ${named}`);
  if (kind === "denied") {
    const [below] = fields.length === 0 ? [] : [JSON.stringify(fields.join(" "))];
    throw new RuntimeError("path_denied", `${below ?? named} cannot be read: permission denied`);
  }
  if (kind === "special")
    throw new RuntimeError("path_unsupported", `${named} is neither a file nor a directory`);
  const [size, mode, modified, inode] = fields;
  if ((kind !== "file" && kind !== "directory") || inode === undefined)
    throw new RuntimeError("transfer_failed", `${named} could not be opened`);
  return {
    kind,
    sizeBytes: Number(size),
    mode: Number.parseInt(mode ?? "", 8),
    modified: modified ?? "0",
    inode,
  };
}
