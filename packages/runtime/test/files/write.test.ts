import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, it } from "node:test";
import { RuntimeError } from "../../src/index.js";
import { receive, type Received } from "../../src/files/write.js";
import { plainExec } from "./plain-exec.js";

describe("a file that comes in while the owner of its place is at it", () => {
  let place: string;
  const at = (...names: string[]): string => join(place, ...names);
  beforeEach(() => {
    place = mkdtempSync("/tmp/chaser-write-");
    for (const name of ["in", "other"]) mkdirSync(at(name));
    writeFileSync(at("other", "f"), "kept");
  });
  afterEach(() => rmSync(place, { recursive: true }));

  const receiving = (kind: "file" | "tar", path: string, content: Buffer): Promise<Received> =>
    receive(plainExec(), { kind, path, content: Readable.from([content]) });
  const otherIsKept = (): void => {
    assert.deepEqual(readdirSync(at("other")), ["f"]);
    assert.equal(readFileSync(at("other", "f"), "utf8"), "kept");
  };
  const refused = (error: unknown): boolean =>
    error instanceof RuntimeError && error.code === "transfer_failed";

  it("takes the place of a link, not of what it leads to, nor that one's mode", async () => {
    chmodSync(at("other", "f"), 0o600);
    symlinkSync("../other/f", at("in", "f"));
    await (await receiving("file", at("in", "f"), Buffer.from("new"))).commit();
    otherIsKept();
    assert.equal(readFileSync(at("in", "f"), "utf8"), "new");
    assert.equal(lstatSync(at("in", "f")).mode & 0o777, 0o644);
  });

  it("takes the place of a link to a directory that was not there when it came", async () => {
    const received = await receiving("file", at("in", "f"), Buffer.from("new"));
    symlinkSync("../other", at("in", "f"));
    await received.commit();
    otherIsKept();
    assert.deepEqual(readdirSync(at("in")), ["f"]);
    assert.equal(readFileSync(at("in", "f"), "utf8"), "new");
  });

  it("does not go into a directory that takes its place", async () => {
    await assert.rejects(receiving("file", at("in"), Buffer.from("new")), refused);
    const received = await receiving("file", at("in", "f"), Buffer.from("new"));
    mkdirSync(at("in", "f"));
    await assert.rejects(received.commit(), refused);
    assert.deepEqual(readdirSync(at("in")), ["f"]);
    assert.deepEqual(readdirSync(at("in", "f")), []);
  });

  it("of an archive replaces a link, too, and fails at one that stands for a directory", async () => {
    mkdirSync(at("made", "d"), { recursive: true });
    for (const name of ["f", "d/f"]) writeFileSync(at("made", name), "new");
    symlinkSync("../other/f", at("in", "f"));
    const archive = execFileSync("tar", ["-C", at("made"), "-c", "f"]);
    await (await receiving("tar", at("in"), archive)).commit();
    otherIsKept();
    assert.equal(readFileSync(at("in", "f"), "utf8"), "new");
    assert.deepEqual(readdirSync(at("in")), ["f"]);

    symlinkSync("../other", at("in", "d"));
    const received = await receiving("tar", at("in"), execFileSync("tar", ["-C", at("made"), "-c", "d"]));
    await assert.rejects(received.commit(), refused);
    otherIsKept();
    assert.deepEqual(readdirSync(at("in")).sort(), ["d", "f"]);
  });
});
