import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const cliFile = fileURLToPath(new URL("../src/main.js", import.meta.url));

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stdoutBytes: Buffer;
  stderr: string;
}

/** The built command line, run as a person would, in an environment of its own. */
export interface SpawnedCli {
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  start(...args: string[]): ChildProcess;
  /** Runs to the end, with nothing on stdin. */
  run(...args: string[]): Promise<Outcome>;
  runWithInput(input: string | Buffer, ...args: string[]): Promise<Outcome>;
  /** Runs with `--json` and gives the document; fails when the exit code is not 0. */
  json<T = Record<string, unknown>>(...args: string[]): Promise<T>;
  remove(): void;
}

export function prepareCli(): SpawnedCli {
  // Not below /tmp's closed directories: a server that is root hands files to other users.
  const directory = mkdtempSync("/var/tmp/chaser-cli-test-");
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: directory,
    XDG_CONFIG_HOME: join(directory, "config"),
    TZ: "UTC",
  };
  const cli: SpawnedCli = {
    directory,
    env,
    start: (...args) => spawn(process.execPath, [cliFile, ...args], { env, cwd: directory }),
    run: (...args) => cli.runWithInput("", ...args),
    async runWithInput(input, ...args) {
      const child = cli.start(...args);
      const outcome = outcomeOf(child);
      child.stdin?.on("error", () => {});
      child.stdin?.end(input);
      return outcome;
    },
    async json<T>(...args: string[]) {
      const { code, stdout, stderr } = await cli.run(...args, "--json");
      if (code !== 0) throw new Error(`chaser ${args.join(" ")} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
  return cli;
}

export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout?.on("data", (piece: Buffer) => output.stdout.push(piece));
  child.stderr?.on("data", (piece: Buffer) => output.stderr.push(piece));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const stdoutBytes = Buffer.concat(output.stdout);
      const stderr = Buffer.concat(output.stderr).toString();
      resolve({ code, signal, stdout: stdoutBytes.toString(), stdoutBytes, stderr });
    });
  });
}
