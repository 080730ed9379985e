import { spawn, type ChildProcess } from "node:child_process";

/** Starts a program of its own on this package: `openStore` is there, and `args` after it. */
export function startProgram(
  body: string,
  args: string[] = [],
  identity: { uid?: number; gid?: number } = {},
): ChildProcess {
  const index = new URL("../src/index.js", import.meta.url).href;
  const script = `import { openStore } from ${JSON.stringify(index)};\nconst args = process.argv.slice(1);\n${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", script, "--", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
    ...identity,
  });
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** How a program ended, and what it said. */
export function ended(program: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  program.stdout?.on("data", (text: Buffer) => (stdout += text.toString()));
  program.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve) => {
    program.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
