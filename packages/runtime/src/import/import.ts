import { StringDecoder } from "node:string_decoder";
import { RuntimeError } from "../errors.js";
import { capture } from "../exec/capture.js";
import type { Exec } from "../files/read.js";
import { IMPORT_LINES_MAX, IMPORT_MS_MAX, IMPORT_TOKEN_LENGTH_MAX } from "../limits.js";
import { CLEAR_SCRIPT, EMPTY_SCRIPT, GIT_ENVIRONMENT, importCommand } from "./git.js";
import { parseProgress, type ImportProgress } from "./progress.js";
import { failureReason } from "./reason.js";
import { checkRef } from "./ref.js";
import { repositoryUrl } from "./source.js";

export interface ImportOptions {
  /** `owner/repo` on github.com, or an https URL. */
  repository: string;
  /** A branch, a tag or a full commit id; null for the repository's default branch. */
  ref: string | null;
  /** `host` or `host:port`, as the operator allows them. */
  hosts: readonly string[];
  /** Handed to that host alone, when it asks. Never kept. */
  token?: string | undefined;
  /** Certificates in PEM that are trusted besides the system's. */
  extraCertificates?: string | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** Code `import_refused`. Everything that can be known before anything is started. */
export function checkImport(options: Pick<ImportOptions, "repository" | "ref" | "hosts" | "token">): void {
  repositoryUrl(options.repository, options.hosts);
  if (options.ref !== null) checkRef(options.ref);
  const { token } = options;
  if (token !== undefined && (token.length > IMPORT_TOKEN_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(token)))
    throw new RuntimeError(
      "import_refused",
      "the token is not one: it has other than printable ASCII characters",
    );
}

/** Whether `/workspace` of a session is empty, but for what an import that broke off left. */
export async function isWorkspaceEmpty(exec: Exec): Promise<boolean> {
  const { stdout } = await capture(await exec({ command: ["/bin/sh", "-c", EMPTY_SCRIPT], cwd: "/" }));
  return stdout.toString() === "empty\n";
}

/**
 * Fetches one commit of a repository into the empty `/workspace` of a session, which is to be this import's alone and to have a
 * network. Codes `import_refused`, `import_failed` with git's reason, and those of `exec`. After an error the workspace is
 * empty again, if the session is still there.
 */
export async function importRepository(exec: Exec, options: ImportOptions): Promise<void> {
  checkImport(options);
  const { token = null, signal } = options;
  const timeoutMs = options.timeoutMs ?? IMPORT_MS_MAX;
  signal?.throwIfAborted();
  const execution = await exec({
    command: importCommand(repositoryUrl(options.repository, options.hosts), options.ref),
    cwd: "/",
    env: { ...GIT_ENVIRONMENT, CHASER_IMPORT_CA: options.extraCertificates ?? "" },
    timeoutMs,
  });
  const abort = (): void => {
    execution.kill("SIGKILL");
  };
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    execution.stdin.end(token === null ? "" : `${token}\n`);
    execution.stdout.resume();
    const lines = await linesOf(execution.stderr, options.onProgress);
    const { exitCode, timedOut } = await execution.completed;
    signal?.throwIfAborted();
    if (exitCode === 0) return;
    const reason = timedOut
      ? `it took longer than ${String(Math.round(timeoutMs / 1000))} seconds`
      : failureReason(lines, token);
    throw new RuntimeError("import_failed", `${options.repository} could not be fetched: ${reason}`, {
      timedOut,
    });
  } catch (error) {
    await clear(exec);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    execution.stdin.destroy();
    execution.stdout.destroy();
    execution.stderr.destroy();
  }
}

async function clear(exec: Exec): Promise<void> {
  try {
    await capture(await exec({ command: ["/bin/sh", "-c", CLEAR_SCRIPT], cwd: "/" }));
  } catch {
    // The session is over, and its disk with it or for its owner to clean up.
  }
}

/** Reads git's words to their end, passes progress on, and keeps the last lines that are none. */
async function linesOf(
  stderr: NodeJS.ReadableStream,
  onProgress: ImportOptions["onProgress"],
): Promise<string[]> {
  const decoder = new StringDecoder("utf8");
  const kept: string[] = [];
  let rest = "";
  for await (const chunk of stderr) {
    const pieces = (rest + decoder.write(chunk)).split(/[\r\n]/);
    // A line without an end must not fill the memory.
    rest = (pieces.pop() ?? "").slice(-LINE_LENGTH_MAX);
    for (const line of pieces) {
      const progress = parseProgress(line);
      if (progress !== null) onProgress?.(progress);
      else if (kept.push(line.slice(0, LINE_LENGTH_MAX)) > IMPORT_LINES_MAX) kept.shift();
    }
  }
  return [...kept, rest];
}

const LINE_LENGTH_MAX = 4096;
