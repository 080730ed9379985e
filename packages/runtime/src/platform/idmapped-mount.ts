/**
 * Shows a directory with other owners than it has (Linux 5.12; as a lower layer of an overlay, 5.19). For a server that is
 * root: images are one user's on disk, and each account's own in its sandboxes. Needs CAP_SYS_ADMIN.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import koffi from "koffi";
import type { HostUser } from "../sandbox/spec.js";
import { requireProgram } from "./programs.js";
import { launch } from "./spawn.js";

// The same numbers on every architecture.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR = { readOnly: 0x1n, noSuid: 0x2n, noDevices: 0x4n, idMap: 0x100000n };
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const libc = koffi.load(null);
const openTree = libc.func("long syscall(long, long, const char *, long)") as (
  number: number,
  directory: number,
  path: string,
  flags: number,
) => number;
const setAttributes = libc.func("long syscall(long, long, const char *, long, const void *, long)") as (
  number: number,
  fd: number,
  path: string,
  flags: number,
  attributes: Buffer,
  size: number,
) => number;
const moveMount = libc.func("long syscall(long, long, const char *, long, const char *, long)") as (
  number: number,
  from: number,
  fromPath: string,
  to: number,
  toPath: string,
  flags: number,
) => number;
const umount2 = libc.func("int umount2(const char *, int)") as (target: string, flags: number) => number;

function check(call: string, result: number): number {
  if (result < 0) throw new Error(`${call} failed with errno ${String(koffi.errno())}`);
  return result;
}

/** A user namespace, kept by its descriptor alone, that says which owner becomes which. The caller closes it. */
export async function openIdMap(from: HostUser, to: HostUser): Promise<number> {
  const child = launch(requireProgram("unshare"), ["--user", "/bin/sh", "-c", "echo; exec cat"], {
    user: null,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  try {
    await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, "data"),
      exited.then(() => Promise.reject(new Error("no user namespace could be made"))),
    ]);
    const place = `/proc/${String(child.pid)}`;
    writeFileSync(`${place}/uid_map`, `${String(from.uid)} ${String(to.uid)} 1\n`);
    writeFileSync(`${place}/gid_map`, `${String(from.gid)} ${String(to.gid)} 1\n`);
    return openSync(`${place}/ns/user`, "r");
  } finally {
    child.stdin?.end();
    child.kill("SIGKILL");
    await exited;
  }
}

/** Read-only, so that who removes the directories around it by mistake removes nothing of it. */
export function mountIdMapped(source: string, target: string, idMap: number): void {
  const tree = check("open_tree", openTree(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | O_CLOEXEC));
  try {
    const attributes = Buffer.alloc(32);
    const { readOnly, noSuid, noDevices, idMap: mapped } = MOUNT_ATTR;
    attributes.writeBigUInt64LE(readOnly | noSuid | noDevices | mapped, 0);
    attributes.writeBigUInt64LE(BigInt(idMap), 24);
    check(
      "mount_setattr",
      setAttributes(SYS_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, attributes, attributes.length),
    );
    check("move_mount", moveMount(SYS_MOVE_MOUNT, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
  } finally {
    closeSync(tree);
  }
}

/** Does nothing where nothing is mounted. */
export function unmount(target: string): void {
  umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
