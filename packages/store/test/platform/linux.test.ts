import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { withDirectory } from "../../src/platform/durable.js";
import { isErrno } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { temporaryDirectory } from "../temporary.js";

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
