/** Does one operation in one place, and says what came of it, so that the same can be done in another. */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { anywhere, isErrno, type FileType, type Stat } from "../../../src/platform/files.js";
import { linuxFiles } from "../../../src/platform/linux.js";
import { StoreError } from "../../../src/errors.js";
import type { NumberedOperation } from "./operations.js";

/** What an overlay mount may do otherwise than a plain directory, and documents that it does. */
export interface Outcome {
  /** The error number, or null for success. */
  errno: string | null;
  /** A directory of a lower layer is not renamed, but copied and removed by whoever wants it moved. */
  copied: boolean;
  /** The first change of a hard link in a lower layer makes this name a file of its own. */
  parted: boolean;
}

/** Deeper copies of copies would only make the test slow. */
const copiedEntriesMax = 40;

/** `earlier`: what came of it in the place to be followed. The working directory is the root. */
export function perform(operation: NumberedOperation, earlier: Outcome | null): Outcome {
  const { path } = operation;
  if (earlier?.parted === true) part(path);
  const before = statOrNull(path);
  const outcome: Outcome = { errno: null, copied: false, parted: false };
  // Opened before, because the way to them may go through what is about to change.
  const parents = parentsOf(operation).flatMap(openOrNothing);
  try {
    // The kernel refuses through an overlay mount what would be a mark of its own.
    if (operation.kind === "whiteout" && earlier?.errno === "EPERM") throw refused("EPERM");
    outcome.copied = act(operation, earlier?.copied === true);
    setOwnTime(operation);
  } catch (error) {
    if (!(error instanceof StoreError) || typeof error.data["errno"] !== "string") throw error;
    // POSIX lets a filesystem choose between the two for a directory that is not empty.
    const { errno } = error.data;
    outcome.errno = errno === "EEXIST" ? "ENOTEMPTY" : errno;
  } finally {
    // Also after a failure: a rename that overlayfs refuses may have touched the directory by then.
    for (const parent of parents) {
      linuxFiles.setModified(parent, null, ...timeOf(operation));
      linuxFiles.close(parent);
    }
  }
  const moved = operation.kind === "rename" && outcome.errno === null && statOrNull(path) === null;
  const after = statOrNull(moved ? operation.to : path);
  const sameFile = !outcome.copied && operation.kind !== "create" && before !== null && after !== null;
  if (sameFile && before.type !== "directory" && before.links > 1 && before.inode !== after.inode)
    outcome.parted = true;
  return outcome;
}

/** True when a directory was copied instead of renamed. */
function act(operation: NumberedOperation, mustCopy: boolean): boolean {
  const { kind, path, number } = operation;
  switch (kind) {
    case "mkdir":
      linuxFiles.makeDirectory(anywhere, path, 0o755);
      return false;
    case "rmdir":
      linuxFiles.removeDirectory(anywhere, path);
      return false;
    case "unlink":
      linuxFiles.unlink(anywhere, path);
      return false;
    case "remove":
      linuxFiles.stat(anywhere, path);
      shell("rm", "-rf", "--", path);
      return false;
    case "fifo":
    case "socket":
      makeNode(path, kind);
      return false;
    case "whiteout":
      makeNode(path, "character");
      return false;
    case "create":
    case "overwrite":
    case "append":
    case "truncate":
    case "touch":
      write(kind, path, operation.bytes, number);
      return false;
    case "link":
      linuxFiles.link(anywhere, path, anywhere, operation.to);
      return false;
    case "symlink":
      linuxFiles.makeSymlink(Buffer.from(operation.to), anywhere, path);
      return false;
    case "rename":
      return rename(path, operation.to, mustCopy);
    case "copy":
      copy(path, operation.to);
      return false;
    case "mode":
      linuxFiles.setMode(anywhere, path, operation.mode);
      return false;
    case "setXattr":
      linuxFiles.setXattr(anywhere, path, Buffer.from(operation.attribute), Buffer.from(`${number}`));
      return false;
    case "removeXattr":
      linuxFiles.removeXattr(anywhere, path, Buffer.from(operation.attribute));
      return false;
  }
}

function makeNode(path: string, type: FileType): void {
  linuxFiles.makeNode(anywhere, path, { type, mode: 0o640, major: 0, minor: 0 });
}

type Writing = "create" | "overwrite" | "append" | "truncate" | "touch";

function write(how: Writing, path: string, bytes: number, number: number): void {
  const fd = linuxFiles.open(anywhere, path, { access: how === "create" ? "create" : "readwrite" });
  try {
    // Nobody reads what goes into a FIFO.
    if (linuxFiles.statOpen(fd).type !== "file") throw refused("EINVAL");
    const at = how === "append" ? linuxFiles.statOpen(fd).sizeBytes : 0;
    if (how === "truncate") linuxFiles.truncate(fd, bytes);
    else if (how !== "touch") linuxFiles.write(fd, Buffer.alloc(bytes, `${number} `), at);
  } finally {
    linuxFiles.close(fd);
  }
}

function rename(from: string, to: string, mustCopy: boolean): boolean {
  if (!mustCopy) {
    try {
      linuxFiles.rename(anywhere, from, anywhere, to);
      return false;
    } catch (error) {
      if (!isErrno(error, "EXDEV")) throw error;
    }
  }
  if (statOrNull(to) !== null) linuxFiles.removeDirectory(anywhere, to);
  shell("cp", "-a", "-T", "--", from, to);
  shell("rm", "-rf", "--", from);
  return true;
}

function copy(from: string, to: string): void {
  linuxFiles.stat(anywhere, from);
  if (statOrNull(to) !== null) throw refused("EEXIST");
  const target = realPath(parentOf(to));
  if (`${target}/`.startsWith(`${realPath(parentOf(from))}/${basename(from)}/`)) throw refused("EINVAL");
  if (shell("find", from).split("\n").length > copiedEntriesMax) throw refused("EFBIG");
  shell("cp", "-a", "-T", "--", from, to);
}

/** Makes a name of several a file of its own that is equal in all. */
function part(path: string): void {
  const aside = "parted aside";
  const times = onDirectory(parentOf(path), (fd) => linuxFiles.statOpen(fd));
  const rootTimes = linuxFiles.stat(anywhere, ".");
  shell("cp", "-a", "-T", "--", path, aside);
  linuxFiles.rename(anywhere, aside, anywhere, path);
  onDirectory(parentOf(path), (fd) =>
    linuxFiles.setModified(fd, null, times.mtimeSeconds, times.mtimeNanoseconds),
  );
  linuxFiles.setModified(anywhere, ".", rootTimes.mtimeSeconds, rootTimes.mtimeNanoseconds);
}

/** The directories in which names are made or go. */
function parentsOf(operation: NumberedOperation): string[] {
  const { kind, path } = operation;
  if (kind === "mode" || kind === "setXattr" || kind === "removeXattr" || kind === "touch") return [];
  return [parentOf(path), ...("to" in operation && kind !== "symlink" ? [parentOf(operation.to)] : [])];
}

function openOrNothing(directory: string): number[] {
  try {
    return [linuxFiles.open(anywhere, directory, { directory: true, follow: true })];
  } catch {
    return [];
  }
}

/** Times follow from the operation, so that they are the same in both places. Seconds and nanoseconds. */
function timeOf({ number }: NumberedOperation): [number, number] {
  return [1_000_000_000 + number, (number * 7919) % 1_000_000_000];
}

const timed: readonly string[] = [
  ...["mkdir", "fifo", "socket", "whiteout", "symlink"],
  ...["create", "overwrite", "append", "truncate"],
];

function setOwnTime(operation: NumberedOperation): void {
  if (timed.includes(operation.kind)) linuxFiles.setModified(anywhere, operation.path, ...timeOf(operation));
}

/** Through symlinks, as the kernel came there. */
function onDirectory<Result>(path: string, run: (fd: number) => Result): Result {
  const fd = linuxFiles.open(anywhere, path, { directory: true, follow: true });
  try {
    return run(fd);
  } finally {
    linuxFiles.close(fd);
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : path.slice(0, at);
}

/** Of a directory. */
function realPath(directory: string): string {
  onDirectory(directory, () => undefined);
  return shell("realpath", "-e", "--", directory);
}

function statOrNull(path: string): Stat | null {
  try {
    return linuxFiles.stat(anywhere, path);
  } catch {
    return null;
  }
}

function refused(errno: string): StoreError {
  return new StoreError("io_error", "refused", { data: { errno } });
}

function shell(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${result.stderr}`);
  return result.stdout.trim();
}
