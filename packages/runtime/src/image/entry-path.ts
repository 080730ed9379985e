/** Names in a layer's archive. They are bytes, and the attacker's. Pure; codes `image_unsupported`. */
import { NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX } from "./limits.js";
import { unsupported } from "./refuse.js";

const SLASH = 0x2f;

/** For messages: what cannot be shown is escaped. */
export function showPath(path: Buffer | Buffer[]): string {
  const bytes = Array.isArray(path) ? joinPath(path) : path;
  return JSON.stringify(bytes.subarray(0, 200).toString("utf8"));
}

export function joinPath(components: readonly Buffer[]): Buffer {
  return Buffer.concat(
    components.flatMap((name, index) => (index === 0 ? [name] : [Buffer.from("/"), name])),
  );
}

/** The components of an entry's name; none for the root. A leading slash and `.` mean nothing, `..` is refused. */
export function splitEntryPath(path: Buffer): Buffer[] {
  if (path.length > PATH_BYTES_MAX) throw unsupported(`a name of ${String(path.length)} bytes is too long`);
  if (path.includes(0)) throw unsupported(`the name ${showPath(path)} holds a NUL byte`);
  const components: Buffer[] = [];
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(SLASH, start);
    const end = slash === -1 ? path.length : slash;
    const name = path.subarray(start, end);
    start = end + 1;
    if (name.length === 0 || name.equals(Buffer.from("."))) continue;
    if (name.equals(Buffer.from(".."))) throw unsupported(`the name ${showPath(path)} leads upwards`);
    if (name.length > NAME_BYTES_MAX)
      throw unsupported(`the name ${showPath(path)} has a part that is too long`);
    components.push(name);
  }
  if (components.length > PATH_DEPTH_MAX) throw unsupported(`the name ${showPath(path)} is too deep`);
  return components;
}

export type EntryName =
  | { kind: "plain"; path: Buffer[] }
  /** What lower layers have under this name is gone. */
  | { kind: "removal"; path: Buffer[] }
  /** What lower layers have in this directory is gone. */
  | { kind: "opaque"; path: Buffer[] }
  /** Left over from a filesystem that is no longer used. */
  | { kind: "ignored" };

const MARK = Buffer.from(".wh.");
const META = Buffer.from(".wh..wh.");
const OPAQUE = Buffer.from(".wh..wh..opq");

const startsWith = (name: Buffer, prefix: Buffer): boolean => name.subarray(0, prefix.length).equals(prefix);

/** Tells the marks for removals (OCI image specification, "Whiteouts") from names that are meant as they are. */
export function interpretEntryName(path: Buffer[]): EntryName {
  const parents = path.slice(0, -1);
  const name = path.at(-1);
  if (parents.some((parent) => startsWith(parent, META))) return { kind: "ignored" };
  if (parents.some((parent) => startsWith(parent, MARK))) {
    throw unsupported(`the name ${showPath(path)} lies below the mark of a removal`);
  }
  if (name === undefined || !startsWith(name, MARK)) return { kind: "plain", path };
  if (name.equals(OPAQUE)) return { kind: "opaque", path: parents };
  if (startsWith(name, META)) return { kind: "ignored" };
  const removed = name.subarray(MARK.length);
  if (removed.length === 0 || removed.equals(Buffer.from(".")) || removed.equals(Buffer.from(".."))) {
    throw unsupported(`the mark ${showPath(path)} removes nothing that can be named`);
  }
  return { kind: "removal", path: [...parents, removed] };
}
