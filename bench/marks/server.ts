import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ServerOptions } from "@chaser/server";

const program = fileURLToPath(new URL("./server-process.js", import.meta.url));

/** A running server and the few calls that the marks make. */
export interface BenchServer extends AsyncDisposable {
  readonly pid: number;
  readonly dataDirectory: string;
  call<T>(method: string, path: string, body?: object): Promise<T>;
}

/** Starts a server on an empty data directory. */
export async function startBenchServer(
  dataDirectory: string,
  options: Pick<ServerOptions, "network" | "limits"> = {},
): Promise<BenchServer> {
  const apiKey = `sk_${randomBytes(24).toString("hex")}`;
  const settings = JSON.stringify({ ...options, dataDirectory, apiKey });
  const child = fork(program, [settings], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let complaints = "";
  child.stderr?.on("data", (part: Buffer) => (complaints += part.toString()));
  const exited = once(child, "exit");
  const started = await Promise.race([once(child, "message"), exited.then(() => null)]);
  if (started === null || child.pid === undefined)
    throw new Error(`the server did not start:\n${complaints}`);
  const url = String(started[0]);

  return {
    pid: child.pid,
    dataDirectory,
    async call<T>(method: string, path: string, body?: object): Promise<T> {
      const headers: Record<string, string> = { authorization: `Bearer ${apiKey}` };
      if (body !== undefined) headers["content-type"] = "application/json";
      const response = await fetch(`${url}${path}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
      return (text === "" ? null : JSON.parse(text)) as T;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
    },
  };
}

interface ExecAnswer {
  exit_code: number;
  output: string;
  session_id: string;
}

/** Runs a shell command in a workspace. Throws when it fails. */
export async function execIn(server: BenchServer, workspace: string, command: string): Promise<ExecAnswer> {
  const answer = await server.call<ExecAnswer>("POST", "/v1/exec", { workspace, command });
  if (answer.exit_code !== 0) throw new Error(`${command} ended with ${answer.exit_code}: ${answer.output}`);
  return answer;
}
