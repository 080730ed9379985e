/** Files without a name that the processes of a session hold: they take space on its disk, and no walk finds them. */
import { readdirSync } from "node:fs";
import { readdir, readFile, stat, statfs } from "node:fs/promises";

const BLOCK_BYTES = 512;
const INIT_PID = "1";
/** tmpfs, ramfs, hugetlbfs: what these hold is memory. */
const MEMORY_FILESYSTEMS = new Set([0x01021994, 0x858458f6, 0x958458f6]);

/**
 * Allocated bytes. `proc`: where the session's `/proc` is mounted. A file of a layer below that was removed has its name there, and is not
 * counted. What only a mapping holds is seen by root alone.
 */
export async function unlinkedBytes(proc: string): Promise<number> {
  const files = new Map<string, number>();
  for (const pid of readdirSync(proc)) {
    if (pid === INIT_PID || !/^\d+$/.test(pid)) continue;
    const held = [...(await openFiles(`${proc}/${pid}`)), ...(await mappedFiles(`${proc}/${pid}`))];
    for (const path of held) {
      try {
        const file = await stat(path, { bigint: true });
        if (!file.isFile() || file.nlink > 0n) continue;
        if (MEMORY_FILESYSTEMS.has((await statfs(path)).type >>> 0)) continue;
        files.set(`${String(file.dev)}/${String(file.ino)}`, Number(file.blocks) * BLOCK_BYTES);
      } catch {
        continue; // Closed meanwhile.
      }
    }
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function openFiles(process: string): Promise<string[]> {
  try {
    return (await readdir(`${process}/fd`)).map((name) => `${process}/fd/${name}`);
  } catch {
    return []; // Gone meanwhile.
  }
}

async function mappedFiles(process: string): Promise<string[]> {
  try {
    const maps = await readFile(`${process}/maps`, "latin1");
    const deleted = maps.split("\n").filter((line) => line.endsWith(" (deleted)"));
    return deleted.map((line) => `${process}/map_files/${plainRange(line.slice(0, line.indexOf(" ")))}`);
  } catch {
    return [];
  }
}

/** `maps` pads addresses with zeros, the names in `map_files` have none. */
function plainRange(range: string): string {
  return range
    .split("-")
    .map((address) => address.replace(/^0+(?=.)/, ""))
    .join("-");
}
