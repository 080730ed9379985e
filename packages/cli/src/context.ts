import type { ApiClient } from "./client/api.js";
import { serverUrl } from "./client/address.js";
import { credentialsPath, readCredentials } from "./client/credentials.js";
import { forwardInterrupt, openInterrupt } from "./interrupt.js";
import { printable, printableLines } from "./output/printable.js";

/** What a command works with: its surroundings, where its output goes, and the server. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  /** Print one JSON document instead of text. */
  readonly json: boolean;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Prints for a person. Values in it have been made safe already. */
  print(text: string): void;
  /** Prints the one JSON document of a `--json` run. */
  printJson(value: unknown): void;
  /** Prints `value` as JSON when that was asked for, else what `text` makes of it. */
  show<T>(value: T, text: (value: T) => string): void;
  /** A remark on stderr that is no part of the result. */
  note(text: string): void;
  /** Notes what an answer warns of, if anything. */
  warn(answer: { warnings?: string[] }): void;
  /** A client for the server that `CHASER_API_URL` names, with the key for it. */
  api(): Promise<ApiClient>;
  /** Where the server is, what is saved about it, and where. */
  server(): ServerSettings;
  /** Aborted by the first Ctrl-C or SIGTERM; the second ends the process at once. */
  interrupt(): AbortSignal;
  /** The first Ctrl-C goes to `send`, the second aborts, the third ends the process. */
  forwardInterrupt(send: (signal: NodeJS.Signals) => void): AbortSignal;
}

export interface ServerSettings {
  url: string;
  apiKey: string | undefined;
  /** Id of the default workspace. */
  defaultWorkspace: string | undefined;
  credentialsFile: string;
}

export function createContext(process: NodeJS.Process, json: boolean): Context {
  const { env, stdin, stdout, stderr } = process;
  let interrupt: AbortSignal | undefined;
  const context: Context = {
    env,
    json,
    stdin,
    stdout,
    stderr,
    print: (text) => void stdout.write(text.endsWith("\n") || text === "" ? text : text + "\n"),
    printJson: (value) => void stdout.write(JSON.stringify(value, null, 2) + "\n"),
    show: (value, text) => (json ? context.printJson(value) : context.print(text(value))),
    note: (text) => void stderr.write((json ? JSON.stringify({ note: text }) : printableLines(text)) + "\n"),
    warn: ({ warnings = [] }) => warnings.forEach((text) => context.note(`warning: ${printable(text)}`)),
    async api() {
      const { ApiClient } = await import("./client/api.js");
      const { url, apiKey } = context.server();
      return new ApiClient({ url, apiKey });
    },
    server: () => serverSettings(env),
    forwardInterrupt: (send) => forwardInterrupt(process, send),
    interrupt: () => (interrupt ??= openInterrupt(process)),
  };
  return context;
}

function serverSettings(env: NodeJS.ProcessEnv): ServerSettings {
  const url = serverUrl(env);
  const credentialsFile = credentialsPath(env);
  const saved = readCredentials(credentialsFile, url);
  return {
    url,
    apiKey: env["CHASER_API_KEY"] || saved.api_key,
    defaultWorkspace: saved.default_workspace,
    credentialsFile,
  };
}
