/** Looks into stacked layers as overlayfs would show them, from outside and without following any link. */
import { isErrno, type Fd, type Files, type Stat } from "@chaser/store/files";

const OPAQUE_ATTRIBUTE = Buffer.from("user.overlay.opaque");

export type Found = { stat: Stat; content: Buffer | null } | null;

/**
 * What stands at a path: in the topmost layer that has it and is not hidden. Null for nothing, and for what lies behind a link.
 * `content` is that of a regular file of at most `bytesMax`.
 */
export function findInLayers(
  files: Files,
  /** Topmost first. */
  layers: readonly string[],
  path: readonly string[],
  bytesMax = 0,
): Found {
  for (const layer of layers) {
    const answer = findInLayer(files, layer, path, bytesMax);
    if (answer !== "below") return answer;
  }
  return null;
}

function findInLayer(
  files: Files,
  layer: string,
  path: readonly string[],
  bytesMax: number,
): Found | "below" {
  let hidesBelow = false;
  let directory = files.open(-100, layer, { directory: true });
  try {
    for (const [index, name] of path.entries()) {
      let stat: Stat;
      try {
        stat = files.stat(directory, name);
      } catch (error) {
        if (isErrno(error, "ENOENT")) return hidesBelow ? null : "below";
        throw error;
      }
      if (index === path.length - 1) return describe(files, directory, name, stat, bytesMax);
      if (stat.type !== "directory") return null;
      const next = files.open(directory, name, { directory: true });
      files.close(directory);
      directory = next;
      hidesBelow ||= files.xattr(directory, ".", OPAQUE_ATTRIBUTE) !== null;
    }
    return null;
  } finally {
    files.close(directory);
  }
}

function describe(files: Files, directory: Fd, name: string, stat: Stat, bytesMax: number): Found {
  if (stat.type === "character") return null;
  if (stat.type !== "file" || stat.sizeBytes > bytesMax) return { stat, content: null };
  try {
    const fd = files.open(directory, name);
    try {
      const content = Buffer.alloc(stat.sizeBytes);
      return { stat, content: content.subarray(0, files.read(fd, content, 0)) };
    } finally {
      files.close(fd);
    }
  } catch (error) {
    if (isErrno(error, "EACCES")) return { stat, content: null };
    throw error;
  }
}
