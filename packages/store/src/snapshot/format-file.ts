/** `format.json`: what makes a directory a store, and of which version. */
import { dirname } from "node:path";
import { StoreError } from "../errors.js";
import { directoriesOf, layoutOf, type Layout } from "../layout.js";
import { chunkBytesAverage, chunkBytesMax, chunkBytesMin, wholeFileBytesMax } from "../limits.js";
import {
  ensureDirectory,
  readWhole,
  syncDirectory,
  withDirectory,
  writeDurably,
} from "../platform/durable.js";
import { isErrno, type Files } from "../platform/files.js";

const format = {
  format: "chaser-store",
  version: 1,
  hash: "blake3-256",
  chunking: {
    algorithm: "fastcdc-gear32-v1",
    wholeFileBytesMax,
    minBytes: chunkBytesMin,
    averageBytes: chunkBytesAverage,
    maxBytes: chunkBytesMax,
  },
};

const encodedFormat = Buffer.from(`${JSON.stringify(format, null, 2)}\n`);

/** Makes an empty store. The directory must be missing or empty; code `store_exists` when it already is a store. */
export function createStore(files: Files, root: string): void {
  const layout = layoutOf(root);
  if (readWhole(files, layout.formatFile) !== null) {
    throw new StoreError("store_exists", `${root} already is a store`, { data: { path: root } });
  }
  ensureDirectory(files, root);
  syncParent(files, root);
  const foreign = withDirectory(files, root, (fd) => files.list(fd)).filter(
    ({ name }) =>
      !directoriesOf(layout).includes(`${root}/${name.toString("utf8")}`) && !name.includes(".tmp-"),
  );
  if (foreign.length > 0) {
    throw new StoreError("invalid_argument", `${root} is not empty, a store needs a directory of its own`, {
      data: { path: root },
    });
  }
  for (const directory of directoriesOf(layout)) ensureDirectory(files, directory);
  for (const directory of [`${root}/refs`, root]) syncDirectory(files, directory);
  writeDurably(files, root, "format.json", encodedFormat);
}

/** Codes: `not_a_store`, `store_version_unsupported`, `corrupt`. */
export function requireStore(files: Files, root: string, { formatFile }: Layout): void {
  const content = readFormat(files, formatFile);
  if (content === null) throw notAStore(root);
  let found: { format?: unknown; version?: unknown } | null;
  try {
    found = JSON.parse(content.toString("utf8")) as typeof found;
  } catch (error) {
    throw new StoreError("corrupt", `${root}/format.json is not JSON`, { cause: error });
  }
  if (found?.format !== format.format) throw notAStore(root);
  if (found.version !== format.version) {
    throw new StoreError(
      "store_version_unsupported",
      `${root} has store version ${JSON.stringify(found.version)}, this program knows version ${format.version}`,
      { data: { version: found.version } },
    );
  }
  // All stores of a version have the same parameters, so the file has one content.
  if (!content.equals(encodedFormat)) {
    throw new StoreError(
      "corrupt",
      `${root}/format.json does not say what a store of version ${format.version} does`,
    );
  }
}

function readFormat(files: Files, path: string): Buffer | null {
  try {
    return readWhole(files, path);
  } catch (error) {
    if (error instanceof StoreError && error.data["errno"] === "ENOTDIR") return null;
    throw error;
  }
}

function notAStore(root: string): StoreError {
  return new StoreError("not_a_store", `${root} is not a store`, { data: { path: root } });
}

/** Also where the directory was there: whoever made it may have died before its name was durable. */
function syncParent(files: Files, root: string): void {
  try {
    syncDirectory(files, dirname(root));
  } catch (error) {
    // Only whoever may read a directory can open it, and one who may not has not made anything in it.
    if (!isErrno(error, "EACCES", "EPERM")) throw error;
  }
}
