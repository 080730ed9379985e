/**
 * A minimal assembler for classic BPF as seccomp takes it (linux/filter.h, linux/seccomp.h): each instruction is
 * eight bytes, `u16 code, u8 jt, u8 jf, u32 k` in the byte order of the machine, and jumps go forward by at most 255.
 */
import { endianness } from "node:os";

/** Offsets in `struct seccomp_data`. */
export const DATA = { nr: 0, arch: 4, arguments: 16 } as const;

const CODE = {
  loadAbsolute: 0x20,
  and: 0x54,
  jumpEqual: 0x15,
  jumpGreaterOrEqual: 0x35,
  jumpAnySet: 0x45,
  jumpAlways: 0x05,
  return: 0x06,
} as const;

const JUMP_MAX = 255;

export const ACTION = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  errno: (errno: number): number => (0x00050000 | errno) >>> 0,
} as const;

export type Step =
  | { kind: "label"; name: string }
  | { kind: "load"; offset: number }
  | { kind: "and"; value: number }
  | { kind: "jump"; test: "equal" | "atLeast" | "anySet"; value: number; yes?: string; no?: string }
  | { kind: "goto"; to: string }
  | { kind: "return"; action: number };

function encode(bytes: Buffer, at: number, code: number, jt: number, jf: number, k: number): void {
  const little = endianness() === "LE";
  if (little) bytes.writeUInt16LE(code, at);
  else bytes.writeUInt16BE(code, at);
  bytes.writeUInt8(jt, at + 2);
  bytes.writeUInt8(jf, at + 3);
  if (little) bytes.writeUInt32LE(k >>> 0, at + 4);
  else bytes.writeUInt32BE(k >>> 0, at + 4);
}

const TEST_CODE = {
  equal: CODE.jumpEqual,
  atLeast: CODE.jumpGreaterOrEqual,
  anySet: CODE.jumpAnySet,
} as const;

/** Turns steps into the bytes that `bwrap --seccomp` reads. Throws on an unknown label or a jump too far. */
export function assemble(steps: readonly Step[]): Buffer {
  const positions = new Map<string, number>();
  let length = 0;
  for (const step of steps) {
    if (step.kind !== "label") length++;
    else if (positions.has(step.name)) throw new RangeError(`label ${step.name} stands twice`);
    else positions.set(step.name, length);
  }
  const distance = (from: number, label: string | undefined, max: number): number => {
    if (label === undefined) return 0;
    const target = positions.get(label);
    if (target === undefined) throw new RangeError(`label ${label} is not defined`);
    const jump = target - from - 1;
    if (jump < 0 || jump > max) throw new RangeError(`label ${label} is ${String(jump)} instructions away`);
    return jump;
  };
  const bytes = Buffer.alloc(length * 8);
  let index = 0;
  for (const step of steps) {
    if (step.kind === "label") continue;
    const at = index * 8;
    switch (step.kind) {
      case "load":
        encode(bytes, at, CODE.loadAbsolute, 0, 0, step.offset);
        break;
      case "and":
        encode(bytes, at, CODE.and, 0, 0, step.value);
        break;
      case "jump": {
        const yes = distance(index, step.yes, JUMP_MAX);
        const no = distance(index, step.no, JUMP_MAX);
        encode(bytes, at, TEST_CODE[step.test], yes, no, step.value);
        break;
      }
      case "goto":
        encode(bytes, at, CODE.jumpAlways, 0, 0, distance(index, step.to, 0xffffffff));
        break;
      case "return":
        encode(bytes, at, CODE.return, 0, 0, step.action);
        break;
    }
    index++;
  }
  return bytes;
}
