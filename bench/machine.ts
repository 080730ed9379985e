import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { statfs } from "node:fs/promises";

/** What a figure cannot be read without. */
export interface Machine {
  node: string;
  kernel: string;
  cpu: string;
  cpus: number;
  memoryBytes: number;
  filesystem: string;
  /** Where restored trees go. */
  scratchFilesystem: string;
  system: string;
  /** How many processes wanted to run, over the last minute: what other work the machine had. */
  loadAverage: number;
}

/** Magic numbers of filesystems, from the kernel's `magic.h`. */
const filesystems = new Map([
  [0xef53, "ext4"],
  [0x9123683e, "btrfs"],
  [0x58465342, "xfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlayfs"],
]);

async function filesystemOf(directory: string): Promise<string> {
  const { type } = await statfs(directory);
  return filesystems.get(type) ?? `0x${type.toString(16)}`;
}

/** `directory`: where the run keeps its files; `scratch`: where it writes restored trees. */
export async function describeMachine(directory: string, scratch = directory): Promise<Machine> {
  return {
    node: process.versions.node,
    kernel: release(),
    cpu: cpus()[0]?.model ?? "unknown",
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    filesystem: await filesystemOf(directory),
    scratchFilesystem: await filesystemOf(scratch),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
    loadAverage: loadavg()[0] ?? 0,
  };
}
