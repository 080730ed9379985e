/** Headers that no archiver would write. */
export interface RawHeader {
  name: Buffer | string;
  type?: string;
  size?: number;
  linkname?: Buffer | string;
}

export function rawEntry(
  { name, type = "0", size, linkname = "" }: RawHeader,
  content = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(512);
  Buffer.from(name).copy(header, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${(size ?? content.length).toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  Buffer.from(linkname).copy(header, 157);
  header.write("ustar\0", 257);
  header.write("00", 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding]);
}

export const END = Buffer.alloc(1024);
