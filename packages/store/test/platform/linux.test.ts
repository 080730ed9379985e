import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, test } from "node:test";
import { withDirectory } from "../../src/platform/durable.js";
import { anywhere, isErrno, stateWordCount, stateWords, type Stat } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { temporaryDirectory } from "../temporary.js";
import { stateCheckBy } from "./state-check.js";

describe("the mode of a name", () => {
  test("is set of whatever stands there, also what may not be opened", (t) => {
    const place = temporaryDirectory(t);
    writeFileSync(`${place}/file`, "");
    writeFileSync(`${place}/closed`, "", { mode: 0 });
    mkdirSync(`${place}/directory`);
    withDirectory(linuxFiles, place, (directory) => {
      // Nobody reads the FIFO: to open it would wait for ever.
      linuxFiles.makeNode(directory, "fifo", { type: "fifo", mode: 0o600, major: 0, minor: 0 });
      const before = readdirSync("/proc/self/fd").length;
      for (const name of ["file", "closed", "directory", "fifo"]) {
        for (const mode of [0o000, 0o4751, 0o1777]) {
          linuxFiles.setMode(directory, name, mode);
          assert.equal(statSync(`${place}/${name}`).mode & 0o7777, mode, name);
        }
      }
      assert.equal(readdirSync("/proc/self/fd").length, before);
    });
  });

  test("is never that of what a link points to", (t) => {
    const place = temporaryDirectory(t);
    writeFileSync(`${place}/target`, "");
    chmodSync(`${place}/target`, 0o640);
    symlinkSync("target", `${place}/link`);
    withDirectory(linuxFiles, place, (directory) => {
      assert.throws(
        () => linuxFiles.setMode(directory, "link", 0o777),
        (error) => isErrno(error, "ENOTSUP"),
      );
      assert.throws(
        () => linuxFiles.setMode(directory, "nothing", 0o777),
        (error) => isErrno(error, "ENOENT"),
      );
    });
    assert.equal(statSync(`${place}/target`).mode & 0o7777, 0o640);
  });
});

test("what is done by a name is done to a link, never to what it points to", (t) => {
  const place = temporaryDirectory(t);
  mkdirSync(`${place}/outside`);
  writeFileSync(`${place}/outside/file`, "precious");
  symlinkSync("outside/file", `${place}/to-file`);
  symlinkSync("outside", `${place}/to-directory`);
  symlinkSync("nothing", `${place}/dangling`);
  withDirectory(linuxFiles, place, (directory) => {
    for (const access of ["read", "readwrite", "lock"] as const)
      assert.throws(
        () => linuxFiles.open(directory, "to-file", { access }),
        (error) => isErrno(error, "ELOOP"),
        access,
      );
    assert.throws(
      () => linuxFiles.open(directory, "dangling", { access: "lock" }),
      (error) => isErrno(error, "ELOOP"),
    );
    assert.throws(
      () => linuxFiles.open(directory, "to-directory", { directory: true }),
      (error) => isErrno(error, "ELOOP", "ENOTDIR"),
    );
    assert.equal(linuxFiles.stat(directory, "to-file").type, "symlink");
    // Of what is not there, all of this would fail.
    const { uid, gid } = linuxFiles.stat(directory, "dangling");
    linuxFiles.setOwner(directory, "dangling", uid, gid);
    linuxFiles.setModified(directory, "dangling", 1, 0);
    assert.deepEqual(linuxFiles.xattrNames(directory, "dangling"), []);
    assert.equal(linuxFiles.stat(directory, "dangling").mtimeSeconds, 1);
  });
  assert.deepEqual(readdirSync(place).sort(), ["dangling", "outside", "to-directory", "to-file"]);
});

test("nothing is waited for when it is opened, whatever stands there", (t) => {
  const place = temporaryDirectory(t);
  linuxFiles.makeNode(anywhere, `${place}/fifo`, { type: "fifo", mode: 0o600, major: 0, minor: 0 });
  // With a writer it is opened at once either way, so that this test ends either way.
  const writer = openSync(`${place}/fifo`, "r+");
  t.after(() => closeSync(writer));
  const fd = linuxFiles.open(anywhere, `${place}/fifo`);
  t.after(() => linuxFiles.close(fd));
  const [, flags = ""] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
  assert.ok((Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0, flags);
});

test("states of many entries are asked by names that lie in one buffer", (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(`${root}/directory`);
  writeFileSync(`${root}/directory/file`, "content");
  symlinkSync("file", `${root}/directory/link`);
  const directory = linuxFiles.open(anywhere, `${root}/directory`, { directory: true });
  t.after(() => linuxFiles.close(directory));
  const names = Buffer.from("file\0link\0none\0");
  const state = (stat: Stat): Uint32Array => Uint32Array.from([0, 0, ...stateWords(stat)]);
  const file = state(linuxFiles.stat(directory, "file"));
  const link = state(linuxFiles.stat(directory, "link"));
  const own = state(linuxFiles.statOpen(directory));
  for (const check of [linuxFiles.stateCheck(names), stateCheckBy(linuxFiles)(names)]) {
    const found = [file, link, own].map((words) => {
      return [0, 5, 10, 4, 15, NaN].map((start) => check(directory, start, words, 2));
    });
    assert.deepEqual(found, [
      [true, false, false, false, false, false],
      [false, true, false, false, false, false],
      // The end of a name is the empty one, which stands for the directory.
      [false, false, false, true, false, false],
    ]);
    for (let n = 0; n < stateWordCount; n++) {
      const other = Uint32Array.from(file);
      other[2 + n] = (other[2 + n] as number) ^ 1;
      assert.equal(check(directory, 0, other, 2), false, `word ${n}`);
    }
  }
  assert.throws(() => linuxFiles.stateCheck(Buffer.from("no end")), RangeError);
});
