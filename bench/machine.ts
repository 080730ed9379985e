import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { statfs } from "node:fs/promises";

/** What a figure cannot be read without. */
export interface Machine {
  node: string;
  kernel: string;
  cpu: string;
  cpus: number;
  memoryBytes: number;
  filesystem: string;
  system: string;
}

/** Magic numbers of filesystems, from the kernel's `magic.h`. */
const filesystems = new Map([
  [0xef53, "ext4"],
  [0x9123683e, "btrfs"],
  [0x58465342, "xfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlayfs"],
]);

/** `directory`: where the run keeps its files. */
export async function describeMachine(directory: string): Promise<Machine> {
  const { type } = await statfs(directory);
  return {
    node: process.versions.node,
    kernel: release(),
    cpu: cpus()[0]?.model ?? "unknown",
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    filesystem: filesystems.get(type) ?? `0x${type.toString(16)}`,
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
  };
}
