/** Disks made by hand and a runtime on them, in a directory of its own that goes away with the test. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DiskMount } from "@chaser/store";
import {
  capture,
  Runtime,
  type CapturedResult,
  type CaptureOptions,
  type ExecSpec,
  type RuntimeOptions,
  type Session,
  type SessionSpec,
} from "../../src/index.js";

export const runsAsRoot = process.getuid?.() === 0;

/** The host user of sandboxes in tests: one that nothing else has, when there is the choice. */
export const HOST_UID = 200_001;
export const hostUser = runsAsRoot ? { hostUid: HOST_UID, hostGid: HOST_UID } : {};
export const sandboxUid = runsAsRoot ? HOST_UID : (process.getuid?.() ?? -1);

export interface Disk {
  mount: DiskMount;
  /** The writable tree on the host. */
  tree: string;
}

export class Fixture implements AsyncDisposable {
  #count = 0;

  private constructor(
    readonly directory: string,
    readonly runtime: Runtime,
  ) {}

  static async open(options: Omit<RuntimeOptions, "runDirectory"> = {}): Promise<Fixture> {
    const directory = makeDirectory();
    const runDirectory = join(directory, "run");

    return new Fixture(directory, await Runtime.open({ runDirectory, ...options }));
  }

  disk(driver: "overlay" | "directory" = "overlay"): Disk {
    return makeDisk(this.directory, `disk-${String(++this.#count)}`, driver);
  }

  session(spec: Partial<SessionSpec> = {}): Promise<Session> {
    const id = `session-${String(++this.#count)}`;
    return this.runtime.startSession({ id, mount: spec.mount ?? this.disk().mount, ...hostUser, ...spec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime.close();
    removeDirectory(this.directory);
  }
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "chaser-runtime-"));
  chmodSync(directory, 0o711);
  return directory;
}

/** The kernel leaves a directory of mode 000 in an overlay's work directory; root does not care, its owner does. */
export function removeDirectory(directory: string): void {
  if (!runsAsRoot) execFileSync("chmod", ["-R", "u+rwx", directory]);
  rmSync(directory, { recursive: true, force: true });
}

function makeOwned(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (runsAsRoot) chownSync(path, HOST_UID, HOST_UID);
}

export function makeDisk(directory: string, name: string, driver: "overlay" | "directory" = "overlay"): Disk {
  const layersDir = join(directory, "layers");
  const base = join(directory, name);
  const tree = driver === "overlay" ? join(base, "upper") : base;
  for (const path of [layersDir, join(layersDir, "empty"), base]) makeOwned(path);
  for (const path of [tree, join(tree, "workspace"), join(tree, "home"), join(tree, "home/chaser")])
    makeOwned(path);
  if (driver === "directory") return { mount: { driver, path: tree }, tree };
  makeOwned(join(base, "work"));
  return { mount: { driver, layersDir, lower: ["empty"], upper: tree, work: join(base, "work") }, tree };
}

/** Runs a command to its end. */
export async function runIn(
  session: Session,
  command: ExecSpec["command"],
  options: Omit<ExecSpec, "command"> & CaptureOptions = {},
): Promise<CapturedResult & { text: string }> {
  const { stdin, signal, ...spec } = options;
  const result = await capture(await session.exec({ command, ...spec }), {
    ...(stdin === undefined ? {} : { stdin }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...result, text: result.output.toString("utf8") };
}
