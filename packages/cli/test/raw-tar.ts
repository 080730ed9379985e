/** Archives that no archiver would write. */

export interface RawEntry {
  name: string;
  /** As in the header: 0 file, 1 hard link, 2 symbolic link, 3 and 4 devices, 5 directory, 6 FIFO. */
  type?: string;
  linkname?: string;
  content?: string;
  /** What the header says, whatever the content's length. */
  size?: number;
  /** Default: 0755 for a directory, else 0644. */
  mode?: number;
  /** Of user and group. */
  owner?: number;
}

const octal = (value: number): string => `${value.toString(8).padStart(7, "0")}\0`;

export function rawArchive(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

function rawEntry(entry: RawEntry): Buffer {
  const { name, type = "0", linkname = "", content = "", size, owner = 0 } = entry;
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(octal(entry.mode ?? (type === "5" ? 0o755 : 0o644)), 100);
  header.write(octal(owner), 108);
  header.write(octal(owner), 116);
  header.write(`${(size ?? body.length).toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(linkname, 157);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
