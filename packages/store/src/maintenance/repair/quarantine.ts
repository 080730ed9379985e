/** Puts what is damaged aside. Nothing reads `quarantine/` and nothing deletes from it. */
import { ensureDirectory, namesIn, syncDirectory } from "../../platform/durable.js";
import { anywhere } from "../../platform/files.js";
import type { Repository } from "../../snapshot/repository.js";

/** Moves paths that are relative to the store, durably. Returns where they are now. */
export function quarantine({ files, layout }: Repository, paths: string[]): string[] {
  if (paths.length === 0) return [];
  ensureDirectory(files, layout.quarantine);
  // Also where it was there: whoever made it may have died before its name was durable.
  syncDirectory(files, layout.root);
  const taken = new Set(namesIn(files, layout.quarantine));
  const moved = paths.map((path) => {
    const wanted = path.replaceAll("/", "~");
    let name = wanted;
    // The same pack may be damaged, be made again of the same objects, and be damaged again.
    for (let n = 2; taken.has(name); n++) name = `${wanted}~${n}`;
    taken.add(name);
    files.rename(anywhere, `${layout.root}/${path}`, anywhere, `${layout.quarantine}/${name}`);
    return `quarantine/${name}`;
  });
  syncDirectory(files, layout.quarantine);
  const parents = new Set(paths.map((path) => path.slice(0, path.lastIndexOf("/"))));
  for (const parent of parents) syncDirectory(files, `${layout.root}/${parent}`);
  return moved;
}
