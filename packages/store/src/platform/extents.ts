/** Where the content of a file lies on its device, as the filesystem tells it (FIEMAP; linux/fiemap.h). */
import koffi from "koffi";

const libc = koffi.load(null);
const ioctl = libc.func("int ioctl(int, ulong, void*)");

/** A run of bytes of the device that a file uses. */
export interface Extent {
  startBytes: number;
  lengthBytes: number;
  /** The filesystem says that somebody else uses it, too: another file, or the same one at another place. */
  isShared: boolean;
}

const fiemapRequest = 0xc020660b;
const headerBytes = 32;
const extentBytes = 56;
/** Extents asked for at once; few files have more. */
const extentsAtOnce = 256;
/** What was written must have a place before that can be told. */
const syncFirst = 1;
const flag = { last: 0x1, unknown: 0x2, inlined: 0x200 };
const sharedFlag = 0x2000;
/** The longest range that may be asked after. */
const toTheEnd = 0xffffffffffffffffn;

const scratch = Buffer.alloc(headerBytes + extentsAtOnce * extentBytes);

/** Of a regular file. Null, with `errno` set, where the filesystem does not tell. Leaves out what lies inside of metadata. */
export function extentsOf(fd: number): Extent[] | null {
  const extents: Extent[] = [];
  for (let from = 0n; ;) {
    scratch.fill(0, 0, headerBytes);
    scratch.writeBigUInt64LE(from, 0);
    scratch.writeBigUInt64LE(toTheEnd - from, 8);
    scratch.writeUInt32LE(syncFirst, 16);
    scratch.writeUInt32LE(extentsAtOnce, 24);
    if ((ioctl(fd, fiemapRequest, scratch) as number) !== 0) return null;
    const count = scratch.readUInt32LE(20);
    let isLast = count === 0;
    for (let n = 0; n < count; n++) {
      const at = headerBytes + n * extentBytes;
      const flags = scratch.readUInt32LE(at + 40);
      const length = scratch.readBigUInt64LE(at + 16);
      from = scratch.readBigUInt64LE(at) + length;
      isLast ||= (flags & flag.last) !== 0;
      if ((flags & (flag.unknown | flag.inlined)) !== 0) continue;
      extents.push({
        startBytes: Number(scratch.readBigUInt64LE(at + 8)),
        lengthBytes: Number(length),
        isShared: (flags & sharedFlag) !== 0,
      });
    }
    if (isLast) return extents;
  }
}
