/** Removes what those left behind who died on the way. Each returns the allocated bytes that came back. */
import { removeIfPresent, namesIn, withDirectory } from "../platform/durable.js";
import { isErrno, type Fd, type Files, type Name } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import type { Repository } from "../snapshot/repository.js";

/** Files under unfinished names. Nobody may write objects meanwhile, so that every one of them is abandoned. */
export function sweepUnfinished(repository: Repository): number {
  const { files, layout } = repository;
  const sweep = (path: string): number => {
    try {
      return removeWhere(files, path, (name) => name.startsWith(".tmp-"));
    } catch (error) {
      // Not every store has a cache.
      if (isErrno(error, "ENOENT")) return 0;
      throw error;
    }
  };
  let freedBytes = 0;
  for (const path of [layout.root, layout.packs, layout.index, layout.records, layout.cache])
    freedBytes += sweep(path);
  withLock(files, layout.refsLock, "exclusive", () => {
    freedBytes += sweep(`${layout.refs}/snapshots`);
    for (const disk of namesIn(files, `${layout.refs}/disks`))
      freedBytes += sweep(`${layout.refs}/disks/${disk}`);
  });
  return freedBytes;
}

/** Records that no ref names: left by a snapshot that was stopped before its ref, or a delete after it. */
export function sweepRecords(repository: Repository): number {
  const named = new Set<string>(repository.allSnapshots().map((snapshot) => snapshot.id));
  const records = new Set<string>(repository.recordIds());
  return removeWhere(
    repository.files,
    repository.layout.records,
    (name) => records.has(name) && !named.has(name),
  );
}

function removeWhere(files: Files, path: string, isLeft: (name: string) => boolean): number {
  return withDirectory(files, path, (directory) =>
    files
      .list(directory)
      .filter(({ key }) => isLeft(key))
      .reduce((total, { name }) => total + removeCounted(files, directory, name), 0),
  );
}

function removeCounted(files: Files, directory: Fd, name: Name): number {
  const { allocatedBytes } = files.stat(directory, name);
  return removeIfPresent(files, directory, name) ? allocatedBytes : 0;
}
