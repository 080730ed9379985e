import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What `npm install` links as `chaser`; started through node, so that the link need not exist. */
export const cliFile = join(dirname(fileURLToPath(import.meta.url)), "../../packages/cli/dist/src/main.js");

/** A step's expectation that did not come true. `hint` says more. */
export class StoryError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** The environment of the story's commands: nothing the person has set may send them to another server. */
export function storyEnvironment(directory, url) {
  const env = { ...process.env, XDG_CONFIG_HOME: directory.config, NO_COLOR: "1" };
  for (const name of ["CHASER_API_URL", "CHASER_API_KEY", "CHASER_STORE"]) delete env[name];
  return url === undefined ? env : { ...env, CHASER_API_URL: url };
}

/** Runs one command line to its end. Gives its exit code and output; never fails because of the exit code. */
export function runCli(args, { env, signal, input }) {
  return new Promise((resolve, reject) => {
    // In a process group of its own: Ctrl-C on the terminal then reaches this script alone, which ends things in order.
    const child = spawn(process.execPath, [cliFile, ...args], { env, detached: true });
    const stop = () => child.kill("SIGTERM");
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const output = { stdout: [], stderr: [] };
    for (const name of ["stdout", "stderr"]) child[name].on("data", (piece) => output[name].push(piece));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", reject);
    child.on("close", (code) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) return reject(new StoryError("interrupted"));
      resolve({
        code,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      });
    });
  });
}

/** The command as a person would type it. */
export function typed(args) {
  return ["chaser", ...args.filter((arg) => arg !== "--json").map(shellWord)].join(" ");
}

function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
