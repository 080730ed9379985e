import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { unpack } from "../../../src/commands/cp/unpack.js";
import { rawArchive, type RawEntry } from "../../raw-tar.js";

describe("an archive from a server that is not trusted", () => {
  let around: string;
  let into: string;
  beforeEach(() => {
    around = mkdtempSync(path.join(tmpdir(), "chaser-unpack-"));
    mkdirSync(path.join(around, "outside"));
    writeFileSync(path.join(around, "outside", "kept"), "kept");
    into = path.join(around, "into");
    mkdirSync(into);
  });
  afterEach(() => rmSync(around, { recursive: true }));

  /** Whether it was taken; in any case nothing outside of the directory is other than before. */
  async function taken(...entries: RawEntry[]): Promise<boolean> {
    const fails = await unpack(Readable.from([rawArchive(...entries)]), into).then(
      () => false,
      () => true,
    );
    assert.deepEqual(readdirSync(around).sort(), ["into", "outside"]);
    assert.deepEqual(readdirSync(path.join(around, "outside")), ["kept"]);
    assert.equal(readFileSync(path.join(around, "outside", "kept"), "utf8"), "kept");
    return !fails;
  }
  /** Nothing in the directory is anything else than a file or a directory, as far as there is anything. */
  const plain = (): boolean =>
    readdirSync(into, { withFileTypes: true }).every((entry) => entry.isFile() || entry.isDirectory());

  for (const name of ["../outside/new", "a/../../outside/new", "..", "../into2"])
    it(`does not leave its directory by ${name}`, async () => {
      assert.equal(await taken({ name, content: "x" }), false);
      assert.equal(await taken({ name, type: "5" }), false);
      assert.equal(await taken({ name, type: "2", linkname: "x" }), false);
    });

  it("does not take an absolute name for one", async () => {
    const name = path.join(around, "outside", "new");
    await taken({ name, content: "x" });
    await taken({ name, type: "2", linkname: "x" });
  });

  it("does not write through a link that it brought itself", async () => {
    const link = { name: "link", type: "2", linkname: path.join(around, "outside") };
    assert.equal(await taken(link, { name: "link/kept", content: "x" }), false);
    rmSync(path.join(into, "link"), { recursive: true, force: true });
    assert.equal(await taken(link, { name: "link/new", type: "2", linkname: "x" }), false);
    rmSync(path.join(into, "link"), { recursive: true, force: true });
    assert.equal(
      await taken({ ...link, linkname: "../outside/kept" }, { name: "link", content: "x" }),
      false,
    );
  });

  it("does not give a file outside a second name", async () => {
    for (const linkname of ["../outside/kept", path.join(around, "outside", "kept")]) {
      await taken({ name: "hard", type: "1", linkname }, { name: "hard", content: "x" });
      assert.equal(lstatSync(path.join(around, "outside", "kept")).nlink, 1);
    }
  });

  it("makes no devices and no FIFOs", async () => {
    for (const type of ["3", "4", "6"]) await taken({ name: `node${type}`, type });
    assert.ok(plain());
  });

  it("puts no link where one that it brought leads, inside either", async () => {
    const link = { name: "link", type: "2", linkname: "d" };
    assert.equal(
      await taken({ name: "d", type: "5" }, link, { name: "link/new", type: "2", linkname: "x" }),
      false,
    );
  });

  it("gives files to who unpacks it, and nobody that one's rights", async () => {
    const odd = { mode: 0o7755, owner: 12_345 };
    assert.ok(await taken({ name: "d", type: "5", ...odd }, { name: "d/f", content: "x", ...odd }));
    for (const name of ["d", "d/f"]) {
      const { mode, uid, gid } = lstatSync(path.join(into, name));
      assert.deepEqual([mode & 0o7777, uid, gid], [0o755, process.getuid?.(), process.getgid?.()], name);
    }
  });

  it("notices that it is cut off, however much it says is to come", async () => {
    for (const size of [1, 8 ** 11 - 1]) {
      const whole = rawArchive({ name: "f", content: "", size });
      await assert.rejects(unpack(Readable.from([whole.subarray(0, 512)]), into));
    }
  });

  it("writes nothing any more once it has refused it", async () => {
    const files = Array.from({ length: 300 }, (_, n) => ({
      name: `d${n % 7}/f${n}`,
      content: "x".repeat(5000),
    }));
    const written = (): string[] => readdirSync(into, { recursive: true }).map(String).sort();
    for (const refused of [{ name: "../new" }, { name: "d0", type: "1", linkname: "none" }]) {
      assert.equal(await taken(files[0] as RawEntry, refused, ...files), false);
      const then = written();
      await sleep(200);
      assert.deepEqual(written(), then);
    }
    const archive = rawArchive(...files);
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield archive.subarray(0, archive.length / 2);
      await Promise.reject(new Error("gone"));
    };
    rmSync(into, { recursive: true });
    mkdirSync(into);
    await assert.rejects(unpack(Readable.from(broken()), into), /gone/);
    rmSync(into, { recursive: true });
    await sleep(200);
    assert.deepEqual(readdirSync(around), ["outside"]);
  });

  it("keeps names with new lines and escapes as they are, and links wherever they lead", async () => {
    const name = "a\nb\u001b[2J\\n%s";
    assert.ok(await taken({ name, content: "x" }, { name: "l", type: "2", linkname: "../../etc\n/passwd" }));
    assert.deepEqual(readdirSync(into).sort(), [name, "l"]);
    assert.equal(readlinkSync(path.join(into, "l")), "../../etc\n/passwd");
  });
});
