import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { linuxFiles } from "@chaser/store/files";
import { findInLayers } from "../../src/image/layer-stack.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";

describe("what stands in stacked layers, looked at from the host", () => {
  let directory: string;
  beforeEach(() => {
    directory = makeDirectory();
    const script = `
      mkdir -p top/etc bottom/etc bottom/hidden outside
      echo secret > outside/passwd
      echo below > bottom/etc/below; echo below > bottom/hidden/below; echo below > bottom/etc/replaced
      echo top > top/etc/replaced
      mkdir top/hidden; setfattr -n user.overlay.opaque -v y top/hidden
      mkfifo top/etc/fifo; ln -s ../../outside/passwd top/etc/link; ln -s ../outside top/away
      head -c 1001 /dev/zero > top/etc/long`;
    execFileSync("sh", ["-ec", script], { cwd: directory });
  });
  afterEach(() => removeDirectory(directory));

  const found = (path: string): [type: string, content: string | undefined] | null => {
    const layers = ["top", "bottom"].map((name) => join(directory, name));
    const answer = findInLayers(linuxFiles, layers, path.split("/"), 1000);
    return answer && [answer.stat.type, answer.content?.toString()];
  };

  it("is that of the topmost layer that has it", () => {
    assert.deepEqual(found("etc/replaced"), ["file", "top\n"]);
    assert.deepEqual(found("etc/below"), ["file", "below\n"]);
    assert.equal(found("etc/nothing"), null);
  });

  it("is nothing below what hides it", () => {
    assert.deepEqual(found("hidden"), ["directory", undefined]);
    assert.equal(found("hidden/below"), null);
  });

  it("is never what a link leads to", () => {
    assert.deepEqual(found("etc/link"), ["symlink", undefined]);
    assert.equal(found("away/passwd"), null);
    assert.equal(found("etc/replaced/x"), null);
  });

  it("is read only of files, and of none that is too long", () => {
    assert.deepEqual(found("etc/fifo"), ["fifo", undefined]);
    assert.deepEqual(found("etc/long"), ["file", undefined]);
  });
});
