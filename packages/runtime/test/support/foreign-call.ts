/** A program that makes a system call of another architecture, and whether this kernel has any of those. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** mov eax, 20 (getpid on i386); int 0x80; mov edi, 0; mov eax, 60; syscall: exits with 0 where 32-bit calls work. */
export const foreignCall = smallProgram(Buffer.from("b814000000cd80bf00000000b83c0000000f05", "hex"));

/** mov edi, 7; mov eax, 60; syscall: exits with 7. */
export const withoutForeignCall = smallProgram(Buffer.from("bf07000000b83c0000000f05", "hex"));

/** For `skip`: some kernels have no 32-bit calls at all and end such a process themselves, outside of any sandbox too. */
export const noForeignCall =
  (process.arch !== "x64" && "needs x86_64") ||
  (signalOutside(foreignCall) !== null && "needs a kernel with 32-bit calls");

/** How a program ends that no sandbox holds: null when it comes to its own end. */
function signalOutside(program: Buffer): NodeJS.Signals | null {
  const directory = mkdtempSync(join(tmpdir(), "chaser-probe-"));
  try {
    const path = join(directory, "probe");
    writeFileSync(path, program, { mode: 0o755 });
    return spawnSync(path).signal;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A static ELF program of one segment. */
function smallProgram(code: Buffer): Buffer {
  const base = 0x400000n;
  const header = Buffer.alloc(120);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(base + 120n, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64);
  header.writeUInt32LE(5, 68);
  header.writeBigUInt64LE(base, 80);
  header.writeBigUInt64LE(base, 88);
  const size = BigInt(120 + code.length);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(4096n, 112);
  return Buffer.concat([header, code]);
}
