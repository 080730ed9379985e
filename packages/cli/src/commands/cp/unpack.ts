import { realpath, symlink } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type ReadEntry } from "tar";
import { CliError } from "../../errors.js";

/** Without setuid and setgid: who made the file would give whoever runs it the rights of the one who copied it. */
export const modeMask = 0o777;

/**
 * Unpacks an archive whose maker is not trusted into an empty directory, where nothing is written any more once it has failed. Links may lead anywhere, so they are made when all else is
 * there: while files are written, there is no link that one could be written through.
 */
export async function unpack(archive: Readable, directory: string): Promise<void> {
  const links: { name: string; target: string }[] = [];
  const filter = (name: string, about: object): boolean => {
    // What is extracted is an entry of an archive; the type allows for what goes into one, too.
    const entry = about as ReadEntry;
    if (entry.mode !== undefined) entry.mode &= modeMask;
    if (entry.type !== "SymbolicLink") return true;
    links.push({ name, target: entry.linkpath ?? "" });
    return false;
  };
  const extraction = extract({ cwd: directory, preserveOwner: false, strict: true, filter });
  const settled = new Promise((resolve) => extraction.once("finish", resolve).once("abort", resolve));
  try {
    await pipeline(archive, extraction);
  } catch (error) {
    // What it has taken in it goes on to write, so that the directory could not be removed.
    extraction.on("error", () => undefined).end();
    await settled;
    throw error;
  }
  const root = await realpath(directory);
  for (const { name, target } of links) {
    const place = path.resolve(root, name);
    const parent = await realpath(path.dirname(place));
    // Neither a name with .. in it nor a link that was made before leads out.
    if (place === root || parent !== path.dirname(place) || !(parent + path.sep).startsWith(root + path.sep))
      throw new CliError("bad_answer", `the archive holds a link outside of it: ${JSON.stringify(name)}`);
    await symlink(target, place);
  }
}
