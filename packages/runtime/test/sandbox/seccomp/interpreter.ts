/** Runs a classic BPF program the way the kernel does, on one `struct seccomp_data`. */
export interface SystemCallData {
  nr: number;
  arch: number;
  arguments?: readonly bigint[];
}

function dataBytes(data: SystemCallData): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(data.nr >>> 0, 0);
  bytes.writeUInt32LE(data.arch >>> 0, 4);
  (data.arguments ?? []).forEach((value, index) =>
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + index * 8),
  );
  return bytes;
}

export function evaluate(program: Buffer, data: SystemCallData): number {
  const bytes = dataBytes(data);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    if ((at + 1) * 8 > program.length) throw new Error("the program runs off its end");
    const code = program.readUInt16LE(at * 8);
    const jt = program.readUInt8(at * 8 + 2);
    const jf = program.readUInt8(at * 8 + 3);
    const k = program.readUInt32LE(at * 8 + 4);
    switch (code) {
      case 0x20:
        accumulator = bytes.readUInt32LE(k);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += accumulator === k ? jt : jf;
        break;
      case 0x35:
        at += accumulator >= k ? jt : jf;
        break;
      case 0x45:
        at += (accumulator & k) !== 0 ? jt : jf;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code.toString(16)}`);
    }
  }
}
