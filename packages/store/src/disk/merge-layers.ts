/**
 * Merges layers into one that shows the same above what is below them. Directories are made anew; everything else is a
 * hard link, so no content is read or written, and what was one file stays one.
 */
import { isErrno, type Fd, type Files, type FileType } from "../platform/files.js";
import { changesName, isOpaque, isWhiteout, markOpaque } from "../snapshot/overlay-marks.js";
import { requireDepth } from "./depth.js";
import { copyDirectoryMetadata } from "./root-metadata.js";

/** What one of the merged layers has under a name. */
interface Source {
  directory: Fd;
  type: FileType;
  whiteout: boolean;
}

/**
 * Fills the empty directory `target`. `sources`: the directories that merge, topmost first, at least one. `below`: those
 * that these stand on, topmost first. A removal is kept only where there is something to remove: in a directory that
 * exists in one layer alone, overlayfs would list it. Below `changesName` there is always something to remove.
 */
export function mergeLayers(files: Files, sources: Fd[], below: Fd[], target: Fd): void {
  mergeInto(files, sources, { below, beneath: "nothing", depth: 0 }, target);
}

/** What merged directories stand on. */
interface Under {
  /** Topmost first. */
  below: Fd[];
  /** Whether there may be more beneath these that is not known. */
  beneath: "nothing" | "unknown";
  depth: number;
}

function mergeInto(files: Files, sources: Fd[], under: Under, target: Fd): void {
  requireDepth(under.depth);
  const isRoot = under.depth === 0;
  for (const [key, found] of namesOf(files, sources)) {
    const name = Buffer.from(key, "latin1");
    mergeName(files, name, found, under, target, isRoot && name.equals(changesName));
  }
  copyDirectoryMetadata(files, sources[0] as Fd, target);
}

function namesOf(files: Files, sources: Fd[]): Map<string, Source[]> {
  const names = new Map<string, Source[]>();
  for (const directory of sources) {
    for (const { name, key, type } of files.list(directory)) {
      const source = sourceOf(files, directory, name, type);
      const found = names.get(key);
      if (found === undefined) names.set(key, [source]);
      else found.push(source);
    }
  }
  return names;
}

function sourceOf(files: Files, directory: Fd, name: Buffer, type: FileType | null): Source {
  if (type !== null && type !== "character") return { directory, type, whiteout: false };
  const stat = files.stat(directory, name);
  return { directory, type: stat.type, whiteout: isWhiteout(stat) };
}

function mergeName(
  files: Files,
  name: Buffer,
  found: Source[],
  under: Under,
  target: Fd,
  holdsChanges: boolean,
): void {
  const top = found[0] as Source;
  if (top.type === "directory") {
    mergeDirectories(files, name, found, under, target, holdsChanges);
    return;
  }
  if (!top.whiteout) {
    files.link(top.directory, name, target, name);
    return;
  }
  const here = lookUp(files, sourcesUnder(files, under.below, name), name);
  for (const directory of here.directories) files.close(directory);
  if (here.shows || under.beneath === "unknown") linkWhiteout(files, top.directory, name, target);
}

/** What directories that merge have under a name, topmost first. */
function* sourcesUnder(files: Files, directories: Fd[], name: Buffer): Generator<Source> {
  for (const directory of directories) {
    try {
      yield sourceOf(files, directory, name, null);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}

interface LookedUp {
  /** The directories that merge under the name, open. */
  directories: Fd[];
  /** They hide whatever is below them. */
  opaque: boolean;
  /** There is something under the name. */
  shows: boolean;
}

/** As overlayfs does: a removal or a file ends what merges, and so does an opaque directory. */
function lookUp(files: Files, found: Iterable<Source>, name: Buffer): LookedUp {
  const directories: Fd[] = [];
  try {
    for (const { directory, type, whiteout } of found) {
      if (type !== "directory") {
        return { directories, opaque: true, shows: directories.length > 0 || !whiteout };
      }
      const opened = files.open(directory, name, { directory: true });
      directories.push(opened);
      if (isOpaque(files, opened)) return { directories, opaque: true, shows: true };
    }
    return { directories, opaque: false, shows: directories.length > 0 };
  } catch (error) {
    for (const directory of directories) files.close(directory);
    throw error;
  }
}

/** Overlayfs makes many removals links of one node, whose number is limited; another node says the same. */
function linkWhiteout(files: Files, directory: Fd, name: Buffer, target: Fd): void {
  try {
    files.link(directory, name, target, name);
  } catch (error) {
    if (!isErrno(error, "EMLINK")) throw error;
    files.makeNode(target, name, { type: "character", mode: 0, major: 0, minor: 0 });
  }
}

function mergeDirectories(
  files: Files,
  name: Buffer,
  found: Source[],
  { below, beneath, depth }: Under,
  target: Fd,
  holdsChanges: boolean,
): void {
  const opened: Fd[] = [];
  try {
    const here = lookUp(files, found, name);
    opened.push(...here.directories);
    const under = lookUp(files, sourcesUnder(files, below, name), name);
    opened.push(...under.directories);
    files.makeDirectory(target, name, 0o700);
    const child = files.open(target, name, { directory: true });
    opened.push(child);
    const hides = under.directories.length > 0 || beneath === "unknown";
    if (here.opaque && hides) markOpaque(files, child, ".");
    const reachesBeneath = holdsChanges || (beneath === "unknown" && !here.opaque && !under.opaque);
    const standsOn: Under = {
      below: here.opaque ? [] : under.directories,
      beneath: reachesBeneath ? "unknown" : "nothing",
      depth: depth + 1,
    };
    mergeInto(files, here.directories, standsOn, child);
  } finally {
    for (const directory of opened) files.close(directory);
  }
}
