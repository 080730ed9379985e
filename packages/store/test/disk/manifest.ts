/**
 * A listing of everything a directory shows, one line an entry, made with Node's own calls and none of the store's: names as
 * raw bytes, types, modes, owners, times to the nanosecond, content, links, and which names are one file. Run as a program
 * it prints the listing of its working directory, so that it can look into a mount namespace.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

export function manifest(root: string): string[] {
  const lines: string[] = [];
  const firstNames = new Map<string, string>();
  const visit = (path: Buffer, shown: string): void => {
    const stat = fs.lstatSync(path, { bigint: true });
    const key = `${stat.dev}:${stat.ino}`;
    const first = stat.isDirectory() ? shown : (firstNames.get(key) ?? shown);
    firstNames.set(key, first);
    let body = "";
    if (stat.isFile()) body = createHash("sha256").update(fs.readFileSync(path)).digest("hex");
    else if (stat.isSymbolicLink()) body = fs.readlinkSync(path, "buffer").toString("hex");
    else if (stat.isCharacterDevice() || stat.isBlockDevice()) body = String(stat.rdev);
    const size = stat.isFile() ? stat.size : 0n;
    const mode = stat.isSymbolicLink() ? "" : stat.mode.toString(8);
    lines.push(
      `${shown} ${mode} ${stat.uid}:${stat.gid} ${stat.mtimeNs} ${size} =${first === shown ? "" : first} ${body}`,
    );
    if (!stat.isDirectory()) return;
    const names = fs.readdirSync(path, { encoding: "buffer" }).sort((a, b) => a.compare(b));
    for (const name of names) {
      visit(Buffer.concat([path, Buffer.from("/"), name]), `${shown}/${encodeURI(name.toString("latin1"))}`);
    }
  };
  visit(Buffer.from(root), "");
  return lines;
}

if (argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${manifest(".").join("\n")}\n`);
