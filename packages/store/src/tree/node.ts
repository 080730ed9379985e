/**
 * Tree nodes, version 1: the canonical listing of one directory, or of a part of it. See FORMAT.md for the layout. A decoder
 * refuses whatever the encoder would not have written, so that decoding and encoding again gives the same bytes.
 *
 *     node      magic "CHSRTREE", version u8 1, kind u8: 0 leaf, 1 branch
 *     leaf      sums, entry count, entries sorted by name
 *     branch    sums, part count, parts: last name (sized), node id (32)
 *     sums      files, directories, logical bytes
 *     entry     type u8, name (sized), mode, uid, gid, mtime seconds (signed), mtime nanoseconds, flags u8, body,
 *               with flag 1 the xattrs: count, (name sized, value sized)*, with flag 2 the link group (8)
 *     body      file: size, and if not 0: depth u8, id (32)
 *               directory: node id (32), sums        symlink: target (sized)        others: major, minor
 *
 * Numbers are varints where no width is named.
 */
import { ByteReader, ByteWriter } from "../bytes.js";
import { digestBytes, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import {
  listDepthMax,
  nameBytesMax,
  symlinkBytesMax,
  xattrsBytesMax,
  xattrValueBytesMax,
} from "../limits.js";
import { addSums, linkGroupBytes, noSums, type TreeEntry, type TreeSums, type Xattr } from "./entry.js";

const magic = "CHSRTREE";
const version = 1;
const kinds = { leaf: 0, branch: 1 } as const;
const typeNumbers = {
  file: 1,
  directory: 2,
  symlink: 3,
  fifo: 4,
  socket: 5,
  character: 6,
  block: 7,
} as const satisfies Record<TreeEntry["type"], number>;
const types = Object.keys(typeNumbers) as TreeEntry["type"][];
const slash = 0x2f;
const dot = 0x2e;
const flagXattrs = 1;
const flagLinkGroup = 2;

export interface BranchPart {
  lastName: Buffer;
  id: Digest;
}

export interface LeafNode {
  kind: "leaf";
  sums: TreeSums;
  entries: TreeEntry[];
}

export type TreeNode = LeafNode | { kind: "branch"; sums: TreeSums; parts: BranchPart[] };

function writeSums(out: ByteWriter, sums: TreeSums): void {
  // Sparse files have any size.
  if (!Number.isSafeInteger(sums.logicalBytes))
    throw new StoreError("too_large", `the files together have more than ${Number.MAX_SAFE_INTEGER} bytes`);
  out.varint(sums.files);
  out.varint(sums.directories);
  out.varint(sums.logicalBytes);
}

function readSums(input: ByteReader): TreeSums {
  return { files: input.varint(), directories: input.varint(), logicalBytes: input.varint() };
}

/** Code `too_large` for what no decoder would take. */
export function encodeEntry(out: ByteWriter, entry: TreeEntry): void {
  const judge: Judge = {
    fail: (message) => {
      const name = JSON.stringify(entry.name.toString());
      throw new StoreError("too_large", `${name} cannot be stored: ${message}`, { data: { name } });
    },
  };
  checkEntry(entry, judge);
  entry.xattrs.reduce((bytes, xattr, n) => checkXattr(xattr, entry.xattrs[n - 1], bytes, judge), 0);
  writeEntry(out, entry);
}

/** An entry as a decoder would read it, whether it takes it or not. */
export function writeEntry(out: ByteWriter, entry: TreeEntry): void {
  out.u8(typeNumbers[entry.type]);
  out.sized(entry.name);
  out.varint(entry.mode);
  out.varint(entry.uid);
  out.varint(entry.gid);
  out.signed(entry.mtimeSeconds);
  out.varint(entry.mtimeNanoseconds);
  out.u8((entry.xattrs.length > 0 ? flagXattrs : 0) | (entry.linkGroup === null ? 0 : flagLinkGroup));
  switch (entry.type) {
    case "file":
      out.varint(entry.sizeBytes);
      if (entry.content !== null) {
        out.u8(entry.content.depth);
        out.bytes(entry.content.id);
      }
      break;
    case "directory":
      out.bytes(entry.id);
      writeSums(out, entry.sums);
      break;
    case "symlink":
      out.sized(entry.target);
      break;
    default:
      out.varint(entry.major);
      out.varint(entry.minor);
  }
  if (entry.xattrs.length > 0) {
    out.varint(entry.xattrs.length);
    for (const { name, value } of entry.xattrs) {
      out.sized(name);
      out.sized(value);
    }
  }
  if (entry.linkGroup !== null) out.bytes(entry.linkGroup);
}

/** Whoever refuses an entry: a decoder as damage, the encoder as what cannot be stored. */
interface Judge {
  fail(message: string): never;
}

/** What an entry may say but in its xattrs, on its way in and out. The empty name is `decodeNode`'s business. */
function checkEntry(entry: TreeEntry, judge: Judge): void {
  const { type, name, mode, uid, gid, mtimeNanoseconds, linkGroup } = entry;
  checkName(name, judge);
  if (mode > 0o7777 || uid > 0xffff_ffff || gid > 0xffff_ffff) judge.fail("mode or owner out of range");
  if (mtimeNanoseconds > 999_999_999) judge.fail("nanoseconds out of range");
  if (linkGroup !== null && type === "directory") judge.fail("directory in a hard link group");
  switch (type) {
    case "file":
      if (entry.content !== null && entry.content.depth > listDepthMax) judge.fail("chunk list is too deep");
      break;
    case "directory":
      break;
    case "symlink": {
      const { target } = entry;
      if (target.length > symlinkBytesMax) judge.fail(`symlink target of ${target.length} bytes is too long`);
      if (target.length === 0 || target.includes(0)) judge.fail("symlink target is not allowed");
      break;
    }
    default: {
      const numberMax = type === "character" || type === "block" ? 0xffff_ffff : 0;
      if (entry.major > numberMax || entry.minor > numberMax) judge.fail("device number out of range");
    }
  }
}

/** Names that could lead out of the directory, or are too long. */
function checkName(name: Buffer, judge: Judge): void {
  if (name.length > nameBytesMax) judge.fail(`name of ${name.length} bytes is above the limit`);
  let dots = 0;
  for (const byte of name) {
    if (byte === 0 || byte === slash) return refuseName(name, judge);
    if (byte === dot) dots += 1;
  }
  if (dots === name.length && (dots === 1 || dots === 2)) refuseName(name, judge);
}

function refuseName(name: Buffer, judge: Judge): never {
  judge.fail(`name ${JSON.stringify(name.toString("latin1"))} is not allowed`);
}

/** One after another. Takes the bytes of those before, and gives them with its own. */
function checkXattr({ name, value }: Xattr, before: Xattr | undefined, bytes: number, judge: Judge): number {
  if (name.length === 0 || name.includes(0) || (before !== undefined && before.name.compare(name) >= 0)) {
    judge.fail("xattrs are not in order");
  }
  if (name.length > nameBytesMax || value.length > xattrValueBytesMax) judge.fail("an xattr is too large");
  const total = bytes + name.length + value.length;
  if (total > xattrsBytesMax) judge.fail("xattrs are too large");
  return total;
}

/** Checks each as it is read: what is announced may be more than memory holds. */
function readXattrs(input: ByteReader): Xattr[] {
  const count = input.varint();
  if (count === 0) input.fail("xattrs are announced and none follow");
  const xattrs: Xattr[] = [];
  let bytes = 0;
  for (let n = 0; n < count; n++) {
    const xattr = { name: input.sized(), value: input.sized() };
    bytes = checkXattr(xattr, xattrs[n - 1], bytes, input);
    xattrs.push(xattr);
  }
  return xattrs;
}

export function decodeEntry(input: ByteReader): TreeEntry {
  const type = types[input.u8() - 1] ?? input.fail("entry type is unknown");
  const name = input.sized();
  const mode = input.varint();
  const uid = input.varint();
  const gid = input.varint();
  const mtimeSeconds = input.signed();
  const mtimeNanoseconds = input.varint();
  const flags = input.u8();
  if (flags > (flagXattrs | flagLinkGroup)) input.fail("entry flags are unknown");
  const body = decodeBody(input, type);
  const xattrs = (flags & flagXattrs) === 0 ? [] : readXattrs(input);
  const linkGroup = (flags & flagLinkGroup) === 0 ? null : input.bytes(linkGroupBytes);
  const fields = { name, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs, linkGroup };
  const entry = { ...fields, ...body } as TreeEntry;
  checkEntry(entry, input);
  return entry;
}

function decodeBody(input: ByteReader, type: TreeEntry["type"]): object {
  switch (type) {
    case "file": {
      const sizeBytes = input.varint();
      if (sizeBytes === 0) return { type, sizeBytes, content: null };
      return { type, sizeBytes, content: { depth: input.u8(), id: input.bytes(digestBytes) } };
    }
    case "directory":
      return { type, id: input.bytes(digestBytes), sums: readSums(input) };
    case "symlink":
      return { type, target: input.sized() };
    default:
      return { type, major: input.varint(), minor: input.varint() };
  }
}

/** Goes past an entry and checks no more of it than where it ends. */
export function skipEntry(input: ByteReader): void {
  const type = input.u8();
  input.skipSized();
  // Mode, owner, group and time.
  for (let n = 0; n < 5; n++) input.skipVarint();
  const flags = input.u8();
  switch (type) {
    case typeNumbers.file:
      if (input.varint() > 0) input.skip(1 + digestBytes);
      break;
    case typeNumbers.directory:
      input.skip(digestBytes);
      for (let n = 0; n < 3; n++) input.skipVarint();
      break;
    case typeNumbers.symlink:
      input.skipSized();
      break;
    default:
      input.skipVarint();
      input.skipVarint();
  }
  if ((flags & flagXattrs) !== 0) {
    for (let count = input.varint(); count > 0; count--) {
      input.skipSized();
      input.skipSized();
    }
  }
  if ((flags & flagLinkGroup) !== 0) input.skip(linkGroupBytes);
}

export function encodeLeaf(sums: TreeSums, encodedEntries: Uint8Array, entryCount: number): Buffer {
  const out = new ByteWriter(encodedEntries.length + 32);
  out.bytes(Buffer.from(magic, "latin1"));
  out.u8(version);
  out.u8(kinds.leaf);
  writeSums(out, sums);
  out.varint(entryCount);
  out.bytes(encodedEntries);
  return out.finish();
}

export function encodeBranch(sums: TreeSums, parts: BranchPart[]): Buffer {
  const out = new ByteWriter(parts.length * 64 + 32);
  out.bytes(Buffer.from(magic, "latin1"));
  out.u8(version);
  out.u8(kinds.branch);
  writeSums(out, sums);
  out.varint(parts.length);
  for (const part of parts) {
    out.sized(part.lastName);
    out.bytes(part.id);
  }
  return out.finish();
}

export function encodeNode(node: TreeNode): Buffer {
  if (node.kind === "branch") return encodeBranch(node.sums, node.parts);
  const out = new ByteWriter();
  for (const entry of node.entries) encodeEntry(out, entry);
  return encodeLeaf(node.sums, out.finish(), node.entries.length);
}

export function isLeaf(bytes: Buffer): boolean {
  return (
    bytes.toString("latin1", 0, magic.length) === magic && bytes[8] === version && bytes[9] === kinds.leaf
  );
}

/** A reader that stands before the first entry of a leaf. Code `corrupt` for what is none. */
export function leafEntries(bytes: Buffer): ByteReader {
  const input = new ByteReader(bytes, "tree node");
  if (!isLeaf(bytes)) input.fail("not a leaf");
  input.skip(magic.length + 2);
  readSums(input);
  input.varint();
  return input;
}

/** Code `corrupt` for anything that `encodeNode` could not have written. `ends` is given the places at which a leaf's entries end. */
export function decodeNode(bytes: Buffer, ends: number[] = []): TreeNode {
  const input = new ByteReader(bytes, "tree node");
  input.magic(magic);
  if (input.u8() !== version) input.fail("version is not known");
  const kind = input.u8();
  const sums = readSums(input);
  const count = input.varint();
  if (kind === kinds.branch) {
    const parts: BranchPart[] = [];
    for (let n = 0; n < count; n++) {
      const part = { lastName: input.sized(nameBytesMax), id: input.bytes(digestBytes) };
      const before = parts[n - 1];
      if (before !== undefined && before.lastName.compare(part.lastName) >= 0)
        input.fail("parts are not in order");
      parts.push(part);
    }
    input.end();
    if (count < 2) input.fail("branch with fewer than two parts");
    return { kind: "branch", sums, parts };
  }
  if (kind !== kinds.leaf) input.fail("node kind is unknown");
  const entries: TreeEntry[] = [];
  const counted = noSums();
  for (let n = 0; n < count; n++) {
    const entry = decodeEntry(input);
    const before = entries[n - 1];
    if (before !== undefined && before.name.compare(entry.name) >= 0) input.fail("entries are not in order");
    addSums(counted, entry);
    entries.push(entry);
    ends.push(input.position);
  }
  input.end();
  // The empty name stands for a root, which is a directory and alone.
  const [first] = entries;
  if (first?.name.length === 0 && (count > 1 || first.type !== "directory")) {
    input.fail("the empty name is not allowed here");
  }
  if (
    counted.files !== sums.files ||
    counted.directories !== sums.directories ||
    counted.logicalBytes !== sums.logicalBytes
  ) {
    input.fail("sums do not match the entries");
  }
  return { kind: "leaf", sums, entries };
}

/** A leaf that a branch names. Code `corrupt` also when it is another one. `ends`: as `decodeNode` says. */
export function decodePart(bytes: Buffer, { lastName }: BranchPart, ends?: number[]): LeafNode {
  const leaf = decodeNode(bytes, ends);
  if (leaf.kind !== "leaf" || leaf.entries.at(-1)?.name.equals(lastName) !== true) {
    throw new StoreError("corrupt", "tree branch does not match its leaves");
  }
  return leaf;
}
