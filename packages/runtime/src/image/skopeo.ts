/** Asks registries through skopeo, with its own files for credentials, mirrors and policies, in a network of its own. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { userInfo } from "node:os";
import { join } from "node:path";
import { RuntimeError } from "../errors.js";
import { RLIMIT } from "../platform/libc.js";
import { requireProgram } from "../platform/programs.js";
import { collectText, launch } from "../platform/spawn.js";
import { limitArguments } from "../sandbox/limits.js";
import { confinementArguments, hasSystemCapability } from "./confinement.js";
import { FETCH_MEMORY_BYTES_MAX, MANIFEST_BYTES_MAX } from "./limits.js";
import { loopbackRefusals, PRIVATE_REMEDY } from "./reach.js";
import { canonicalText, type ImageReference } from "./reference.js";
import { unsupported } from "./refuse.js";
import { RegistryNetwork } from "./registry-network.js";

export interface SkopeoOptions {
  /** Registries that are asked without TLS, or with a certificate that nobody has signed. */
  insecureRegistries: readonly string[];
  /** Registries that may be on a private network, those without TLS aside. */
  privateRegistries: readonly string[];
  /** For this pull alone: all of the disk that may be written to. */
  directory: string;
  /** Null: skopeo's usual places. */
  authFile: string | null;
  /** Everything that is fetched for one image, and so the longest file, too. */
  downloadBytesMax: number;
}

const WATCH_INTERVAL_MS = 200;
const PROBE_MS_MAX = 10_000;

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

/** Ends with this process, however that ends, and with all that it has started. */
function launchSkopeo(
  args: readonly string[],
  options: SkopeoOptions,
  network: RegistryNetwork,
): ChildProcess {
  const limits = limitArguments([
    { resource: RLIMIT.fileSize, value: options.downloadBytesMax },
    { resource: RLIMIT.data, value: FETCH_MEMORY_BYTES_MAX },
  ]);
  const confinement = confinementArguments({
    directory: options.directory,
    uid: process.geteuid?.() ?? 0,
    isPrivileged: hasSystemCapability(readFileSync("/proc/self/status", "latin1")),
  });
  const command = network.command([requireProgram("skopeo"), ...args]);
  const program = [requireProgram("bwrap"), ...confinement, "--", ...command];
  const child = launch(requireProgram("prlimit"), [...limits, ...program], {
    user: null,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    environment: { HOME: userInfo().homedir, TMPDIR: options.directory, ...network.environment },
  });
  network.attach(child);
  return child;
}

/** What Go says when it runs into a limit, and what that limit is about. */
const LIMIT_MESSAGES: readonly [RegExp, string][] = [
  [/: file too large"/, "a part of the image is longer than all of it may be"],
  [
    /^fatal error: runtime: (out of|cannot allocate) memory/m,
    "a document of the image takes too much memory",
  ],
];

function failureOf(stderr: string, network: RegistryNetwork): RuntimeError {
  for (const [pattern, message] of LIMIT_MESSAGES) if (pattern.test(stderr)) return unsupported(message);
  if (!/\blevel=fatal\b/.test(stderr)) {
    const reason = stderr === "" ? "skopeo ended without a word" : stderr;
    return new RuntimeError("sandbox_unavailable", `images cannot be fetched: ${reason}`);
  }
  const refusals = [...new Set([...network.refusals, ...loopbackRefusals(stderr)])];
  return new RuntimeError(
    "image_not_found",
    [`the image cannot be had: ${lastMessage(stderr)}`, ...refusals].join("; "),
    refusals.length === 0 ? {} : { remedy: PRIVATE_REMEDY },
  );
}

export function runSkopeo(args: readonly string[], options: SkopeoOptions, run: SkopeoRun): Promise<Buffer> {
  run.signal.throwIfAborted();
  const network = new RegistryNetwork([...options.insecureRegistries, ...options.privateRegistries]);
  const child = launchSkopeo(args, options, network);
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
      network.close();
      if (failure !== null) reject(failure);
      else if (code === 0) resolve(Buffer.concat(output));
      else reject(failureOf(stderr(), network));
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
  target: { directory: string; architecture: string },
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
      ...["--tmpdir", options.directory],
      ...["--override-os", "linux", "--override-arch", target.architecture],
      ...["copy", "--quiet", ...accessArguments(reference, options, "src-")],
      ...[sourceArgument(reference, digest), `dir:${target.directory}`],
    ],
    options,
    { signal: options.signal, outputBytesMax: MANIFEST_BYTES_MAX, watch },
  );
  watch();
}

/** Whether it can be run here at all. Code `sandbox_unavailable`. */
export async function probeSkopeo(directory: string): Promise<string> {
  const options: SkopeoOptions = {
    insecureRegistries: [],
    privateRegistries: [],
    directory,
    authFile: null,
    downloadBytesMax: MANIFEST_BYTES_MAX,
  };
  const run = { signal: AbortSignal.timeout(PROBE_MS_MAX), outputBytesMax: MANIFEST_BYTES_MAX };
  return (await runSkopeo(["--version"], options, run)).toString().trim();
}
