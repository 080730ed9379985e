/** Asks registries through skopeo, with its own files for credentials, mirrors and policies. */
import { readdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { RuntimeError } from "../errors.js";
import { RLIMIT } from "../platform/libc.js";
import { requireProgram } from "../platform/programs.js";
import { collectText, launch } from "../platform/spawn.js";
import { limitArguments } from "../sandbox/limits.js";
import { MANIFEST_BYTES_MAX } from "./limits.js";
import { canonicalText, type ImageReference } from "./reference.js";
import { unsupported } from "./refuse.js";

export interface SkopeoOptions {
  /** Registries that are asked without TLS, or with a certificate that nobody has signed. */
  insecureRegistries: readonly string[];
  /** Null: skopeo's usual places. */
  authFile: string | null;
  /** Everything that is fetched for one image, and so the longest file, too. */
  downloadBytesMax: number;
}

const WATCH_INTERVAL_MS = 200;

/** The argument that names the source; `digest` takes the place of the tag. */
export function sourceArgument(reference: ImageReference, digest: string | null): string {
  if (reference.kind !== "registry") return canonicalText(reference);
  const exact = digest ?? reference.digest;
  const { registry, repository, tag } = reference;
  return `docker://${registry}/${repository}${exact === null ? `:${tag ?? "latest"}` : `@${exact}`}`;
}

export function accessArguments(
  reference: ImageReference,
  options: SkopeoOptions,
  prefix: "" | "src-",
): string[] {
  if (reference.kind !== "registry") return [];
  return [
    ...(options.insecureRegistries.includes(reference.registry) ? [`--${prefix}tls-verify=false`] : []),
    ...(options.authFile === null ? [] : [`--${prefix}authfile=${options.authFile}`]),
  ];
}

/** What skopeo says last is the cause; what comes before says when. */
function lastMessage(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  const message = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line;
  return message.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 500);
}

interface SkopeoRun {
  signal: AbortSignal;
  /** Standard output beyond it is an error. */
  outputBytesMax: number;
  /** Called now and then; what it throws ends the run. */
  watch?: () => void;
}

function runSkopeo(args: readonly string[], options: SkopeoOptions, run: SkopeoRun): Promise<Buffer> {
  run.signal.throwIfAborted();
  const limits = limitArguments([{ resource: RLIMIT.fileSize, value: options.downloadBytesMax }]);
  // It ends with this process, however that ends.
  const program = [requireProgram("setpriv"), "--pdeathsig", "KILL", requireProgram("skopeo")];
  const child = launch(requireProgram("prlimit"), [...limits, ...program, ...args], {
    user: null,
    stdio: ["ignore", "pipe", "pipe"],
    environment: { HOME: userInfo().homedir },
  });
  const stderr = collectText(child.stderr);
  return new Promise((resolve, reject) => {
    const output: Buffer[] = [];
    let outputBytes = 0;
    let failure: Error | null = null;
    const stop = (reason: unknown): void => {
      failure ??= reason as Error;
      child.kill("SIGKILL");
    };
    const onAbort = (): void => stop(run.signal.reason);
    run.signal.addEventListener("abort", onAbort, { once: true });
    const watcher = setInterval(() => {
      try {
        run.watch?.();
      } catch (error) {
        stop(error);
      }
    }, WATCH_INTERVAL_MS);
    child.stdout?.on("data", (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > run.outputBytesMax) stop(unsupported("the registry's answer is too long"));
      else output.push(chunk);
    });
    child.once("error", stop);
    child.once("close", (code) => {
      clearInterval(watcher);
      run.signal.removeEventListener("abort", onAbort);
      if (failure !== null) reject(failure);
      else if (code === 0) resolve(Buffer.concat(output));
      else reject(new RuntimeError("image_not_found", `the image cannot be had: ${lastMessage(stderr())}`));
    });
  });
}

/** The manifest, byte for byte. Code `image_not_found`. */
export function fetchManifest(
  reference: ImageReference,
  digest: string | null,
  options: SkopeoOptions,
  signal: AbortSignal,
): Promise<Buffer> {
  const args = [
    "inspect",
    "--raw",
    ...accessArguments(reference, options, ""),
    sourceArgument(reference, digest),
  ];
  return runSkopeo(args, options, { signal, outputBytesMax: MANIFEST_BYTES_MAX });
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => {
    return sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
  }, 0);
}

/**
 * Fetches an image into a new directory: `manifest.json` as it is (a layout's conversion would change its digest), and every
 * blob under the hexadecimal digits of its digest.
 */
export async function fetchImage(
  reference: ImageReference,
  digest: string | null,
  target: { directory: string; temporaryDirectory: string; architecture: string },
  options: SkopeoOptions & { signal: AbortSignal; onBytes: (bytes: number) => void },
): Promise<void> {
  const watch = (): void => {
    const bytes = bytesIn(target.directory);
    options.onBytes(bytes);
    if (bytes > options.downloadBytesMax) {
      throw unsupported(`the image is more than ${String(options.downloadBytesMax)} bytes to fetch`);
    }
  };
  await runSkopeo(
    [
      // Not in /var/tmp: whoever kills it leaves what it unpacked of an archive.
      ...["--tmpdir", target.temporaryDirectory],
      ...["--override-os", "linux", "--override-arch", target.architecture],
      ...["copy", "--quiet", ...accessArguments(reference, options, "src-")],
      ...[sourceArgument(reference, digest), `dir:${target.directory}`],
    ],
    options,
    { signal: options.signal, outputBytesMax: MANIFEST_BYTES_MAX, watch },
  );
  watch();
}
