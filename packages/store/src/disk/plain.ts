/** The driver `directory`: a disk that is one plain directory, for where overlay mounts do not work. */
import type { Repository } from "../snapshot/repository.js";
import { withDirectory } from "../platform/durable.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { Materializer } from "../snapshot/materialize.js";
import type { Owners } from "../snapshot/owners.js";
import { scan, type ScanResult } from "../snapshot/scan.js";
import { rootPlace } from "../snapshot/place.js";
import type { Work } from "../snapshot/work.js";
import { readDirectory, readRoot } from "../tree/directory.js";
import type { Digest } from "../chunk/hash.js";

/** Takes the tree of a plain disk. */
export function capturePlain(
  repository: Repository,
  writer: ObjectWriter,
  path: string,
  options: { owners: Owners; work: Work },
): ScanResult {
  return withDirectory(repository.files, path, (directory) =>
    scan(repository.files, writer, directory, options),
  );
}

/** Fills an empty directory with a tree, and makes it durable. */
export function fillPlain(
  repository: Repository,
  tree: Digest,
  path: string,
  options: { owners: Owners; work: Work },
): void {
  const { files, chunks } = repository;
  withDirectory(files, path, (target) => {
    const materializer = new Materializer(files, chunks, target, options);
    const root = readRoot(chunks, tree);
    for (const entry of readDirectory(chunks, root.id)) {
      materializer.create(target, entry, { parent: rootPlace, name: entry.name });
    }
    materializer.directoryMetadata(target, root, rootPlace);
    files.syncFilesystem(target);
  });
}
