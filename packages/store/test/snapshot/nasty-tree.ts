/** A tree with everything in it that a filesystem can hold and a program is likely to forget. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lchownSync,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { linuxFiles } from "../../src/platform/linux.js";
import { anywhere } from "../../src/platform/files.js";
import { Random } from "../random.js";

const isRoot = process.getuid?.() === 0;

/** The seconds before 1970 too, with all nine digits. */
const times: [path: string, seconds: number, nanoseconds: number][] = [
  ["hard-a", 981_173_045, 123_456_789],
  ["to-nowhere", 915_148_800, 987_654_321],
  ["zero", -315_619_200, 500_000_001],
  ["empty", 1_044_238_085, 777_777_777],
  [".", 1_600_000_000, 1],
];

/** A POSIX ACL as the kernel keeps it in `system.posix_acl_*`: version 2, then tag, permissions and id of each entry. */
function acl(...entries: [tag: number, permissions: number, id?: number][]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  entries.forEach(([tag, permissions, id = 0xffff_ffff], n) => {
    bytes.writeUInt16LE(tag, 4 + 8 * n);
    bytes.writeUInt16LE(permissions, 6 + 8 * n);
    bytes.writeUInt32LE(id, 8 + 8 * n);
  });
  return bytes;
}
const aclForUser1234 = acl([1, 6], [2, 4, 1234], [4, 4], [16, 4], [32, 4]);

function makeNode(path: string, type: "fifo" | "socket" | "character" | "block", major = 0, minor = 0): void {
  linuxFiles.makeNode(anywhere, path, { type, mode: 0o640, major, minor });
}

function setXattr(path: string, name: string, value: Buffer): void {
  linuxFiles.setXattr(anywhere, path, Buffer.from(name), value);
}

/** `outside`: a directory that gets a hard link to a file of the tree. */
export function makeNastyTree(tree: string, outside: string): void {
  mkdirSync(tree, { recursive: true });
  mkdirSync(outside, { recursive: true });
  const at = (name: string): string => `${tree}/${name}`;
  const random = new Random(7);

  mkdirSync(at("names"));
  for (let byte = 1; byte <= 255; byte++) {
    if (byte !== 0x2f)
      writeFileSync(
        Buffer.concat([Buffer.from(at("names/n")), Buffer.from([byte]), Buffer.from("x")]),
        `${byte}`,
      );
  }
  writeFileSync(at(`names/${"l".repeat(255)}`), "longest");
  writeFileSync(at("names/..."), "dots");

  mkdirSync(at("empty"));
  writeFileSync(at("zero"), "");
  writeFileSync(at("one-chunk"), random.bytes(65_536));
  const large = random.bytes(3_000_000);
  writeFileSync(at("large"), large);
  writeFileSync(
    at("large-too"),
    Buffer.concat([large.subarray(0, 1_000_000), Buffer.from("!"), large.subarray(1_000_000)]),
  );

  makeNode(at("fifo"), "fifo");
  makeNode(at("socket"), "socket");
  mkdirSync(at("directory"));
  writeFileSync(at("hard-a"), "hi");
  linkSync(at("hard-a"), at("hard-b"));
  linkSync(at("hard-a"), at("directory/hard-c"));
  linkSync(at("fifo"), at("fifo-too"));
  writeFileSync(at("linked-outside"), "here and there");
  linkSync(at("linked-outside"), `${outside}/link`);
  for (const [name, target] of [
    ["to-file", "hard-a"],
    ["to-etc", "/etc/passwd"],
    ["to-nowhere", "dangling"],
    ["long", "x/".repeat(2000)],
    ["odd", "\u0001 \n"],
  ] as const) {
    linuxFiles.makeSymlink(Buffer.from(target), anywhere, at(name));
  }
  linuxFiles.makeSymlink(Buffer.from([0xff, 0xfe]), anywhere, at("not-utf8"));

  const sparse = openSync(at("sparse"), "w");
  ftruncateSync(sparse, 50_000_000);
  writeSync(sparse, "data", 30_000_000);
  writeSync(sparse, Buffer.alloc(200_000, "more"), 0, 200_000, 40_000_000);
  closeSync(sparse);
  const hole = openSync(at("all-hole"), "w");
  ftruncateSync(hole, 5_000_000);
  closeSync(hole);

  setXattr(at("zero"), "user.text", Buffer.from("value"));
  setXattr(at("zero"), "user.empty", Buffer.alloc(0));
  setXattr(at("directory"), "user.binary", Buffer.from([0, 255, 0]));
  setXattr(at("one-chunk"), "user.large", random.bytes(2000));
  setXattr(at("zero"), "user.overlay.opaque", Buffer.from("y"));
  setXattr(at("hard-a"), "system.posix_acl_access", aclForUser1234);
  setXattr(at("directory"), "system.posix_acl_default", aclForUser1234);
  writeFileSync(at("directory/inherits"), "an acl");

  for (const [name, mode] of [
    ["setuid", 0o4755],
    ["setgid", 0o2711],
    ["unwritable", 0o444],
  ] as const) {
    writeFileSync(at(name), name);
    chmodSync(at(name), mode);
  }
  mkdirSync(at("sticky"));
  chmodSync(at("sticky"), 0o1777);

  let deep = Buffer.from(tree);
  for (let depth = 0; depth < 1000; depth++) {
    deep = Buffer.concat([deep, Buffer.from("/e")]);
    mkdirSync(deep);
  }
  writeFileSync(Buffer.concat([deep, Buffer.from("/leaf")]), "bottom");
  mkdirSync(at("many"));
  for (let n = 0; n < 3000; n++)
    writeFileSync(at(`many/file with a long name ${String(n).padStart(6, "0")} ${"y".repeat(30)}`), "");

  if (isRoot) {
    makeNode(at("character"), "character", 5, 1);
    makeNode(at("block"), "block", 259, 300);
    // A device 0:0 is an ordinary file here; only in an overlay's upper it says that something was removed.
    makeNode(at("device-zero"), "character", 0, 0);
    lchownSync(at("large"), 1234, 5678);
    lchownSync(at("to-nowhere"), 77, 88);
    writeFileSync(at("no-mode"), "closed");
    chmodSync(at("no-mode"), 0);
    writeFileSync(at("capable"), "");
    setXattr(at("capable"), "trusted.note", Buffer.from("root only"));
    setXattr(
      at("capable"),
      "security.capability",
      Buffer.from("0100000200040000000000000000000000000000", "hex"),
    );
    lchownSync(at("setuid"), 1234, 1234);
    chmodSync(at("setuid"), 0o4755);
  }
  mkdirSync(at("read-only"));
  writeFileSync(at("read-only/x"), "x");
  chmodSync(at("read-only"), 0o555);
  for (const [name, seconds, nanoseconds] of times)
    linuxFiles.setModified(anywhere, at(name), seconds, nanoseconds);
}

/**
 * What rsync would do to make `target` the same as `source`: nothing, when it is. It needs many seconds for a path of a
 * thousand directories, so that one is left to `manifest` from the tenth on.
 */
export function rsyncDifferences(source: string, target: string): string[] {
  const options = [
    "-aHAX",
    "--checksum",
    "--dry-run",
    "--itemize-changes",
    "--delete",
    `--exclude=${"/e".repeat(10)}`,
  ];
  return execFileSync("rsync", [...options, `${source}/`, `${target}/`], {
    encoding: "latin1",
    maxBuffer: 1 << 26,
  })
    .split("\n")
    .filter((line) => line !== "");
}

/** Type, mode, owner, time in nanoseconds, size, allocated blocks, links and target of every entry, as `find` sees them. */
export function manifest(tree: string): string[] {
  // A directory's own size and blocks depend on its past, and its link count on the filesystem.
  const ofDirectory = "%P %y %m %U:%G %T@\\0";
  const ofOthers = "%P %y %m %U:%G %T@ %s %b %n %l\\0";
  const format = ["(", "-type", "d", "-printf", ofDirectory, ")", "-o", "-printf", ofOthers];
  return execFileSync("find", [".", ...format], { cwd: tree, encoding: "latin1", maxBuffer: 1 << 26 })
    .split("\0")
    .sort();
}
