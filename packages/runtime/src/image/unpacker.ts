/** Starts the process that unpacks a layer, and takes its answer. */
import { fileURLToPath } from "node:url";
import { RuntimeError, type RuntimeErrorCode } from "../errors.js";
import { collectText, launch } from "../platform/spawn.js";
import type { HostUser } from "../sandbox/spec.js";
import type { UnpackJob, UnpackResult } from "./unpack.js";
import type { UnpackAnswer } from "./unpack-process.js";

const PROGRAM = fileURLToPath(new URL("./unpack-process.js", import.meta.url));

/** A reader that needs more holds something it should not. */
const MEMORY_MIB_MAX = 512;

const ANSWER_BYTES_MAX = 64 * 1024;

export function unpackInProcess(
  job: UnpackJob,
  options: { owner: HostUser | null; signal: AbortSignal },
): Promise<UnpackResult> {
  options.signal.throwIfAborted();
  const child = launch(process.execPath, [`--max-old-space-size=${String(MEMORY_MIB_MAX)}`, PROGRAM], {
    user: options.owner,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stderr = collectText(child.stderr);
  return new Promise((resolve, reject) => {
    const kill = (): void => void child.kill("SIGKILL");
    options.signal.addEventListener("abort", kill, { once: true });
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
      if (text.length > ANSWER_BYTES_MAX) kill();
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      options.signal.removeEventListener("abort", kill);
      if (options.signal.aborted) reject(options.signal.reason as Error);
      else if (code === 0) conclude(text, resolve, reject);
      else {
        const reason = signal === null ? stderr().split("\n").at(-1) : `it was ended by ${signal}`;
        reject(new RuntimeError("image_failed", `a layer could not be unpacked: ${reason ?? ""}`));
      }
    });
    // Stays open: its end tells the child that nobody waits any more.
    child.stdin?.on("error", () => undefined);
    child.stdin?.write(`${JSON.stringify(job)}\n`);
  });
}

function conclude(
  text: string,
  resolve: (result: UnpackResult) => void,
  reject: (error: Error) => void,
): void {
  const answer = JSON.parse(text) as UnpackAnswer;
  if (answer.ok) resolve(answer.result);
  else reject(new RuntimeError(answer.code as RuntimeErrorCode, answer.message));
}
