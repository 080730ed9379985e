/** The device requests that filesystems with shared extents know: one file's extents for another, and btrfs subvolumes. */
import koffi from "koffi";

const libc = koffi.load(null);
const withNumber = libc.func("int ioctl(int, ulong, long)");
const withMemory = libc.func("int ioctl(int, ulong, const void*)");

// Of linux/fs.h and linux/btrfs.h; the same on every architecture that Node runs on.
const ficlone = 0x40049409;
const snapshotCreate = 0x50009401;
const subvolumeCreate = 0x5000940e;
/** `struct btrfs_ioctl_vol_args`: a descriptor and a name. */
const volumeArgumentsBytes = 4096;

function volumeArguments(fd: number, name: string): Buffer {
  const bytes = Buffer.alloc(volumeArgumentsBytes);
  bytes.writeBigInt64LE(BigInt(fd), 0);
  bytes.write(name, 8, "utf8");
  return bytes;
}

/** All three answer 0, or -1 with `errno` set. */
export function shareExtents(from: number, to: number): number {
  return withNumber(to, ficlone, from) as number;
}

export function createSubvolume(directory: number, name: string): number {
  return withMemory(directory, subvolumeCreate, volumeArguments(0, name)) as number;
}

export function snapshotSubvolume(from: number, directory: number, name: string): number {
  return withMemory(directory, snapshotCreate, volumeArguments(from, name)) as number;
}
