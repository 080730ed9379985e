// Starts programs for the set-up and says how long each took.
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A set-up step that cannot go on. Its message says what to do, so no stack is shown. */
export class SetupError extends Error {}

/** Runs a program to its end with its output kept back; `SetupError` with the output's end when it fails. */
export function run(command, args, { cwd, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (part) => {
      output = (output + part).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (cause) => reject(new SetupError(`cannot start ${command}: ${cause.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      reject(
        new SetupError(`${[command, ...args].join(" ")} failed (${signal ?? code}):\n${output.trimEnd()}`),
      );
    });
  });
}

/** The file a command name stands for in PATH, or null. Never starts anything, so it costs microseconds. */
export function findCommand(name) {
  // Root's tools live in sbin, which an ordinary user's PATH on Debian leaves out.
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Shows one step: what is being done, then its time, on lines of their own, as another step may be under way. */
export async function step(title, work) {
  const startedMs = performance.now();
  process.stdout.write(`  ${title} ...\n`);
  let result;
  try {
    result = await work();
  } catch (error) {
    process.stdout.write(`  ${title}: failed\n`);
    throw error;
  }
  process.stdout.write(`  ${title}: ${seconds(performance.now() - startedMs)}\n`);
  return result;
}

export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
