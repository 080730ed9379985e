import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "../errors.js";

/** What is kept about one server. A key is only ever sent to the server it was saved for. */
export interface ServerCredentials {
  api_key?: string;
  /** Id of the workspace that commands use when none is named. */
  default_workspace?: string;
}

interface CredentialsFile {
  /** By base URL. */
  servers: Record<string, ServerCredentials>;
  /** The key that `chaser serve` made in a data directory, so that it is found again on another port. */
  data_directories?: Record<string, { api_key: string }>;
}

/** `$XDG_CONFIG_HOME/chaser/credentials.json`, else below `~/.config`. */
export function credentialsPath(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config");
  return join(base, "chaser", "credentials.json");
}

/** What is saved for the server at `url`; empty when nothing is. */
export function readCredentials(path: string, url: string): ServerCredentials {
  return readFile(path).servers[url] ?? {};
}

/** Changes what is saved for the server at `url`. */
export function changeCredentials(
  path: string,
  url: string,
  change: (saved: ServerCredentials) => ServerCredentials,
): void {
  const file = readFile(path);
  file.servers[url] = change(file.servers[url] ?? {});
  writeFile(path, file);
}

/**
 * Makes the key of the server in `dataDirectory` the one that is used for `url`. Without a new `apiKey`, the one saved
 * when the directory was made. False when none is known.
 */
export function saveServedKey(
  path: string,
  served: { url: string; dataDirectory: string; apiKey: string | undefined },
): boolean {
  const file = readFile(path);
  const apiKey = served.apiKey ?? file.data_directories?.[served.dataDirectory]?.api_key;
  if (apiKey === undefined) return false;
  const saved = file.servers[served.url] ?? {};
  // The default workspace of another data directory means nothing in this one.
  file.servers[served.url] = saved.api_key === apiKey ? saved : { api_key: apiKey };
  file.data_directories = { ...file.data_directories, [served.dataDirectory]: { api_key: apiKey } };
  writeFile(path, file);
  return true;
}

/** Readable by its owner alone, and replaced whole. */
function writeFile(path: string, file: CredentialsFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, JSON.stringify(file, null, 2) + "\n", { mode: 0o600 });
    // The umask may take bits from the mode above, and a leftover file keeps its own; this makes it exact.
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readFile(path: string): CredentialsFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { servers: {} };
    throw unreadable(path, (error as Error).message, error);
  }
  try {
    const value = JSON.parse(text) as Partial<CredentialsFile> | null;
    if (typeof value?.servers !== "object" || value.servers === null) throw new Error("it has no servers");
    return value as CredentialsFile;
  } catch (error) {
    throw unreadable(path, (error as Error).message, error);
  }
}

function unreadable(path: string, reason: string, cause: unknown): CliError {
  return new CliError("config_unreadable", `cannot read ${path}: ${reason}`, {
    suggestion: "move the file away and set CHASER_API_KEY, or repair it by hand",
    cause,
  });
}
