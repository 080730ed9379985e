/**
 * Project quotas of ext4 and XFS: a directory gives what is made below it a project id, and the kernel counts the bytes of a project
 * and ends writes at its limit (linux/fs.h, linux/quota.h). The generic requests are answered by both filesystems.
 */
import { constants } from "node:os";
import koffi from "koffi";
import type { Taken } from "./allocated.js";

const libc = koffi.load(null);
const ioctl = libc.func("int ioctl(int, ulong, void*)");
const syscall = libc.func("long syscall(long, long, long, long, void*)");

/** Everything that a project has on its filesystem. */
export interface ProjectUse extends Taken {
  /** 0 for none. */
  limitBytes: number;
}

const getAttributes = 0x801c581f;
const setAttributes = 0x401c5820;
/** `struct fsxattr`: flags at 0, project at 12. */
const attributesBytes = 28;
const projectAt = 12;
const inheritFlag = 0x200;

/** By descriptor, since Linux 5.14; the same number on every architecture. Older kernels answer that they lack it. */
const quotactlFd = 443;
const projectQuota = 2;
const getQuota = 0x80000700 + projectQuota;
const setQuota = 0x80000800 + projectQuota;
const getState = 0x580500 + projectQuota;
/** Of `struct fs_quota_stat` (linux/dqblk_xfs.h), which is shorter: flags at 2. */
const stateBytes = 128;
const limitsHold = 0x20;
/** `struct if_dqblk`: hard limit in units of 1 KiB at 0, bytes at 16, hard limit of inodes at 24, inodes at 40, which fields count at 64. */
const quotaBytes = 72;
const limitUnitBytes = 1024;
const limitsValid = 1 | 4;
const nothing: ProjectUse = { bytes: 0, inodes: 0, limitBytes: 0 };

/** 0 for none, also where the filesystem knows none. */
export function projectOf(fd: number): number {
  const attributes = Buffer.alloc(attributesBytes);
  if ((ioctl(fd, getAttributes, attributes) as number) !== 0) return 0;
  return attributes.readUInt32LE(projectAt);
}

/** For a directory and what will be made in it; 0 takes it out. False where that is not possible or not allowed. */
export function setProject(fd: number, id: number): boolean {
  const attributes = Buffer.alloc(attributesBytes);
  if ((ioctl(fd, getAttributes, attributes) as number) !== 0) return false;
  const flags = attributes.readUInt32LE(0);
  attributes.writeUInt32LE(id === 0 ? (flags & ~inheritFlag) >>> 0 : (flags | inheritFlag) >>> 0, 0);
  attributes.writeUInt32LE(id, projectAt);
  return (ioctl(fd, setAttributes, attributes) as number) === 0;
}

/** Whether the filesystem of `fd` ends writes at limits, and does not only count. */
export function holdsProjects(fd: number): boolean {
  const state = Buffer.alloc(stateBytes);
  if ((syscall(quotactlFd, fd, getState, 0, state) as number) !== 0) return false;
  return (state.readUInt16LE(2) & limitsHold) !== 0;
}

/** On the filesystem of `fd`. Null where the kernel keeps no project quotas, or not for this process. */
export function projectUse(fd: number, id: number): ProjectUse | null {
  const quota = Buffer.alloc(quotaBytes);
  if ((syscall(quotactlFd, fd, getQuota, id, quota) as number) !== 0) {
    // XFS has no record of a project that never was.
    return koffi.errno() === constants.errno.ENOENT ? nothing : null;
  }
  return {
    bytes: Number(quota.readBigUInt64LE(16)),
    inodes: Number(quota.readBigUInt64LE(40)),
    limitBytes: Number(quota.readBigUInt64LE(0)) * limitUnitBytes,
  };
}

/** Infinity for none; null lifts all limits. False where they cannot be set. */
export function limitProject(fd: number, id: number, limit: Taken | null): boolean {
  const quota = Buffer.alloc(quotaBytes);
  quota.writeBigUInt64LE(hardLimit((limit?.bytes ?? Infinity) / limitUnitBytes), 0);
  quota.writeBigUInt64LE(hardLimit(limit?.inodes ?? Infinity), 24);
  quota.writeUInt32LE(limitsValid, 64);
  return (syscall(quotactlFd, fd, setQuota, id, quota) as number) === 0;
}

/** To the kernel, zero is no limit. */
function hardLimit(most: number): bigint {
  return most === Infinity ? 0n : BigInt(Math.max(1, Math.floor(most)));
}
