import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { execFileSync } from "node:child_process";
import { RuntimeError } from "../../src/index.js";
import { unpackLayer, type UnpackJob, type UnpackResult } from "../../src/image/unpack.js";
import type { Compression } from "../../src/image/manifest.js";
import { compressed, sha256, tarOf, type TarEntry } from "./layout.js";
import { END, rawEntry } from "./raw-tar.js";

const place = mkdtempSync(join(tmpdir(), "chaser-unpack-"));
after(() => rmSync(place, { recursive: true, force: true }));

let count = 0;

interface Unpacked {
  target: string;
  result: UnpackResult;
}

async function unpack(
  tar: Buffer,
  {
    compression = "none",
    blob = compressed(tar, compression),
    ...changes
  }: Partial<Omit<UnpackJob, "blob">> & { compression?: Compression; blob?: Buffer } = {},
): Promise<Unpacked> {
  const directory = join(place, String(++count));
  const target = join(directory, "layer");
  mkdirSync(target, { recursive: true });
  const path = join(directory, "blob");
  writeFileSync(path, blob);
  const layer = { digest: sha256(blob), sizeBytes: blob.length, compression };
  const limits = { unpackedBytesMax: 1e9, entriesMax: 10_000, ratioMax: 100 };
  const result = await unpackLayer({ blob: path, layer, diffId: sha256(tar), target, ...limits, ...changes });
  return { target, result };
}

/** Unpacks in a process of its own, and says how much memory that took at most. */
function peakOf(blob: string, compression: Compression): { message: string; residentMiB: number } {
  const target = `${blob}-layer`;
  mkdirSync(target);
  const job: UnpackJob = {
    blob,
    target,
    layer: { digest: sha256(readFileSync(blob)), sizeBytes: lstatSync(blob).size, compression },
    diffId: "",
    unpackedBytesMax: 1e9,
    entriesMax: 10,
    ratioMax: 100,
  };
  const program = `
    const { unpackLayer } = await import(${JSON.stringify(new URL("../../src/image/unpack.js", import.meta.url).href)});
    const { message } = await unpackLayer(JSON.parse(process.argv[1])).catch((error) => error);
    console.log(JSON.stringify({ message, residentMiB: process.resourceUsage().maxRSS / 1024 }));`;
  const args = ["--input-type=module", "-e", program, JSON.stringify(job)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
}

/** Types, modes, contents and marks of everything in a layer. */
function listing(target: string, path = ""): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of readdirSync(Buffer.from(join(target, path), "latin1"), { encoding: "latin1" }).sort()) {
    const below = path === "" ? name : `${path}/${name}`;
    const full = Buffer.from(join(target, below), "latin1");
    const stat = lstatSync(full);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isDirectory()) {
      const opaque = execFileSync(
        "getfattr",
        ["--absolute-names", "-d", "-m", "user.overlay", full.toString()],
        { encoding: "utf8" },
      );
      all[below] = opaque === "" ? `d ${mode}` : `d ${mode} opaque`;
      Object.assign(all, listing(target, below));
    } else if (stat.isSymbolicLink()) all[below] = `l ${readlinkSync(full)}`;
    else if (stat.isFile()) all[below] = `f ${mode} ${readFileSync(full, "utf8").slice(0, 20)}`;
    else all[below] = stat.isCharacterDevice() && stat.rdev === 0 ? "removed" : "other";
  }
  return all;
}

const directory = (name: string, mode = 0o755): TarEntry => ({ name, type: "directory", mode });
const file = (name: string, content = "x", mode = 0o644): TarEntry => ({ name, content, mode });
const symlink = (name: string, linkname: string): TarEntry => ({ name, type: "symlink", linkname });
const link = (name: string, linkname: string): TarEntry => ({ name, type: "link", linkname });

describe("what a layer becomes", () => {
  const cases: Record<string, { entries: TarEntry[]; tree: Record<string, string> }> = {
    "names that begin at the root, or with a dot, stay inside": {
      entries: [file("/etc/a"), file("./etc/b"), file("etc//./c")],
      tree: { etc: "d 755", "etc/a": "f 644 x", "etc/b": "f 644 x", "etc/c": "f 644 x" },
    },
    "links may say anything, because nothing follows them": {
      entries: [symlink("a", "/etc/passwd"), symlink("b", "../../../../etc"), symlink("c", "c")],
      tree: { a: "l /etc/passwd", b: "l ../../../../etc", c: "l c" },
    },
    "a file takes the place of a link, and what the link names stays": {
      entries: [symlink("a", "/etc/passwd"), file("a", "own")],
      tree: { a: "f 644 own" },
    },
    "of entries with one name the last counts": {
      entries: [file("a", "1"), file("a", "2"), directory("d", 0o700), directory("d", 0o750)],
      tree: { a: "f 644 2", d: "d 750" },
    },
    "a file takes the place of a directory with all that is in it": {
      entries: [directory("d"), file("d/in"), file("d", "file")],
      tree: { d: "f 644 file" },
    },
    "a directory in the place of something else hides what lower layers have there": {
      entries: [file("d"), directory("d"), file("d/in")],
      tree: { d: "d 755 opaque", "d/in": "f 644 x" },
    },
    "a hard link is a second name": {
      entries: [file("a", "one"), link("b", "a"), link("c", "/a"), link("a", "a")],
      tree: { a: "f 644 one", b: "f 644 one", c: "f 644 one" },
    },
    "a removal is a mark": {
      entries: [file("etc/.wh.gone"), file(".wh.top")],
      tree: { etc: "d 755", "etc/gone": "removed", top: "removed" },
    },
    "a removal does not touch what its own layer has, whichever comes first": {
      entries: [
        file("a", "1"),
        file(".wh.a"),
        file(".wh.b"),
        file("b", "2"),
        directory("c"),
        file("c/in"),
        file(".wh.c"),
        file(".wh.d"),
        directory("d"),
      ],
      tree: { a: "f 644 1", b: "f 644 2", c: "d 755 opaque", "c/in": "f 644 x", d: "d 755 opaque" },
    },
    "an opaque mark hides lower layers, early or late, and nothing of its own": {
      entries: [
        directory("a"),
        file("a/.wh..wh..opq"),
        file("a/in"),
        directory("b"),
        file("b/in"),
        file("b/.wh..wh..opq"),
        file("c/.wh..wh..opq"),
      ],
      tree: { a: "d 755 opaque", "a/in": "f 644 x", b: "d 755 opaque", "b/in": "f 644 x", c: "d 755 opaque" },
    },
    "a removal of a removal, and leftovers of a filesystem of old, mean nothing": {
      entries: [file(".wh..wh.a"), file(".wh..wh.plnk/1.2"), file("d/.wh..wh.aufs")],
      tree: {},
    },
    "setuid, setgid and devices are left out, sticky stays": {
      entries: [
        file("a", "x", 0o6755),
        directory("tmp", 0o1777),
        { name: "dev/sda", type: "block-device", devmajor: 8, devminor: 0 },
        { name: "dev/null", type: "character-device", devmajor: 1, devminor: 3 },
        { name: "removed", type: "character-device", devmajor: 0, devminor: 0 },
      ],
      tree: { a: "f 755 x", tmp: "d 1777" },
    },
    "a directory stays open to its owner": {
      entries: [directory("d", 0o001), file("d/in", "x", 0o400)],
      tree: { d: "d 701", "d/in": "f 400 x" },
    },
    "attributes are not taken over, overlay marks among them": {
      entries: [
        {
          ...directory("d"),
          pax: { "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.security.capability": "x" },
        },
      ],
      tree: { d: "d 755" },
    },
    "a name in pax records counts": {
      entries: [{ ...file("short", "long"), pax: { path: "ünï/cödé" } }],
      tree: Object.fromEntries([
        [Buffer.from("ünï").toString("latin1"), "d 755"],
        [Buffer.from("ünï/cödé").toString("latin1"), "f 644 long"],
      ]),
    },
  };
  for (const [name, { entries, tree }] of Object.entries(cases)) {
    it(name, async () => assert.deepEqual(listing((await unpack(await tarOf(entries))).target), tree));
  }

  it("is the same for every compression", async () => {
    const tar = await tarOf([file("a", "content")]);
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const { target, result } = await unpack(tar, { compression });
      assert.deepEqual(listing(target), { a: "f 644 content" });
      assert.equal(result.unpackedBytes, tar.length);
    }
  });

  it("keeps names that are not UTF-8", async () => {
    const { target } = await unpack(
      Buffer.concat([rawEntry({ name: Buffer.from("a\xff\xfe", "latin1") }), END]),
    );
    assert.deepEqual(readdirSync(target, { encoding: "latin1" }), ["a\xff\xfe"]);
  });

  it("hides everything below where the root is opaque", async () => {
    const { target, result } = await unpack(await tarOf([file("a"), file(".wh..wh..opq")]));
    assert.equal(result.opaqueRoot, true);
    assert.deepEqual(listing(target), { a: "f 644 x" });
  });
});

describe("what is refused", () => {
  const deep = Array.from({ length: 200 }, () => "d").join("/");
  const cases: Record<
    string,
    { entries?: TarEntry[]; raw?: Buffer; options?: Parameters<typeof unpack>[1]; message: RegExp }
  > = {
    "a name that leads upwards": { entries: [file("../out")], message: /leads upwards/ },
    "one that does so in the middle": { entries: [file("a/../../out")], message: /leads upwards/ },
    "a directory that does": { entries: [directory("..")], message: /leads upwards/ },
    "a hard link out of the tree": { entries: [link("a", "../../etc/passwd")], message: /leads upwards/ },
    "a hard link to a file of the host": {
      entries: [link("a", "/etc/passwd")],
      message: /not in this layer/,
    },
    "a hard link through a link": {
      entries: [symlink("s", "/etc"), link("a", "s/passwd")],
      message: /not in this layer/,
    },
    "a hard link to a directory": { entries: [directory("d"), link("a", "d")], message: /is a directory/ },
    "a hard link to a removal": { entries: [file(".wh.a"), link("b", "a")], message: /not in this layer/ },
    "a hard link in the place of what holds its target": {
      entries: [file("d/a"), link("d", "d/a")],
      message: /not in this layer/,
    },
    "writing through a link": {
      entries: [symlink("s", "/tmp"), file("s/out")],
      message: /passes through "s", which is a link/,
    },
    "writing through a link to the layer itself": {
      entries: [directory("d"), symlink("s", "d"), file("s/a")],
      message: /passes through/,
    },
    "a directory through a link": {
      entries: [symlink("s", ".."), directory("s/d")],
      message: /passes through/,
    },
    "a removal through a link": {
      entries: [symlink("s", "/etc"), file("s/.wh.passwd")],
      message: /passes through/,
    },
    "an opaque mark through a link": {
      entries: [symlink("s", "/etc"), file("s/.wh..wh..opq")],
      message: /passes through/,
    },
    "something below a file": { entries: [file("a"), file("a/b")], message: /which is a file/ },
    "a removal of the directory above": { entries: [file("d/.wh...")], message: /removes nothing/ },
    "a removal of the directory itself": { entries: [file("d/.wh..")], message: /removes nothing/ },
    "a removal of no name": { entries: [file("d/.wh.")], message: /removes nothing/ },
    "something below a removal": { entries: [file(".wh.a/b")], message: /below the mark/ },
    "a mark that is a directory": { entries: [directory(".wh.a")], message: /is a directory/ },
    "the root as a file": { entries: [symlink(".", "/etc")], message: /stands for the root/ },
    "a name that is too long": {
      entries: [{ ...file("a"), pax: { path: "n".repeat(256) } }],
      message: /part that is too long/,
    },
    "a path that is too deep": { entries: [{ ...file("a"), pax: { path: deep } }], message: /too deep/ },
    "a link to nothing": {
      raw: Buffer.concat([rawEntry({ name: "a", type: "2" }), END]),
      message: /target that cannot be/,
    },
    "a kind that nobody knows": {
      raw: Buffer.concat([rawEntry({ name: "a", type: "S" }), END]),
      message: /kind that is not supported/,
    },
    "a name in pax records that is not UTF-8": {
      raw: Buffer.concat([
        rawEntry({ name: "p", type: "x" }, Buffer.from("11 path=\xff\xfe\n", "latin1")),
        rawEntry({ name: "a" }),
        END,
      ]),
      message: /not UTF-8/,
    },
    "a pax record of gigabytes": {
      raw: Buffer.concat([rawEntry({ name: "p", type: "x", size: 0o77777777777 }), Buffer.alloc(3 << 20)]),
      message: /header that is too long/,
    },
    "pax records without end": {
      raw: Buffer.concat(
        Array.from({ length: 3000 }, () => rawEntry({ name: "p", type: "x" }, Buffer.from("9 a=12345\n"))),
      ),
      message: /header that is too long/,
    },
    "an archive that ends early": { raw: rawEntry({ name: "a", size: 5000 }), message: /damaged/ },
    "what is no archive": { raw: Buffer.alloc(2048, "text"), message: /damaged/ },
    "a compression other than it is said to be": {
      entries: [file("a")],
      options: { compression: "gzip", blob: Buffer.alloc(2000, "text") },
      message: /damaged/,
    },
    "a digest that is not the layer's": {
      entries: [file("a")],
      options: { diffId: sha256(Buffer.from("other")) },
      message: /does not unpack to/,
    },
    "more entries than allowed": {
      entries: [file("a"), file("b"), file("c")],
      options: { entriesMax: 2 },
      message: /more than 2 entries/,
    },
    "more bytes than allowed": {
      entries: [file("a", "x".repeat(20_000))],
      options: { unpackedBytesMax: 10_000 },
      message: /more than 10000 bytes/,
    },
  };
  for (const [name, { entries = [], raw, options, message }] of Object.entries(cases)) {
    it(name, async () => {
      const tar = raw ?? (await tarOf(entries));
      await assert.rejects(unpack(tar, options), (error) => {
        assert.ok(error instanceof RuntimeError, String(error));
        assert.equal(error.code, "image_unsupported");
        assert.match(error.message, message);
        return true;
      });
    });
  }

  for (const compression of ["gzip", "zstd"] as const) {
    it(`a bomb in ${compression}, long before it is unpacked`, async () => {
      const tar = Buffer.concat([rawEntry({ name: "zeros", size: 20 << 20 }), Buffer.alloc(20 << 20), END]);
      const blob = compressed(tar, compression);
      assert.ok(blob.length < 1 << 20);
      await assert.rejects(unpack(tar, { compression, blob }), /unpacks to more than 100 times its size/);
    });

    it(`a bomb in ${compression}, with little of it in memory`, () => {
      const blob = join(place, `bomb-${compression}`);
      // Members, or frames, of 8 MiB: what one read of the file holds unpacks to 512 MiB.
      const zeros = compressed(Buffer.alloc(8 << 20), compression);
      const head = compressed(rawEntry({ name: "zeros", size: 512 << 20 }), compression);
      writeFileSync(blob, Buffer.concat([head, ...Array.from({ length: 64 }, () => zeros)]));
      const { message, residentMiB } = peakOf(blob, compression);
      assert.match(message, /unpacks to more than 100 times its size/);
      assert.ok(residentMiB < 350, `${residentMiB} MiB`);
    });

    it(`damage in ${compression}`, async () => {
      const tar = await tarOf([file("a", "content ".repeat(5000))]);
      const blob = compressed(tar, compression);
      await assert.rejects(unpack(tar, { compression, blob: blob.subarray(0, blob.length - 9) }), /damaged/);
    });
  }

  it("a layer that is not what its digest says", async () => {
    const tar = await tarOf([file("a")]);
    const other = {
      digest: sha256(Buffer.from("other")),
      sizeBytes: tar.length,
      compression: "none" as const,
    };
    await assert.rejects(unpack(tar, { layer: other }), /is not what its digest says/);
    const shorter = { digest: sha256(tar), sizeBytes: tar.length - 1, compression: "none" as const };
    await assert.rejects(unpack(tar, { layer: shorter }), /longer than its manifest says/);
  });
});
