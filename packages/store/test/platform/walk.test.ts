import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { takenUnder } from "../../src/platform/allocated.js";
import { anywhere, type Fd, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { copyTree } from "../../src/disk/copy-tree.js";
import { countTree, removeTree } from "../../src/snapshot/remove.js";
import { Work } from "../../src/snapshot/work.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

/** Counts what is open at once. */
class Counted {
  open = 0;
  most = 0;
  readonly files: Files = {
    ...linuxFiles,
    open: (...args) => {
      const fd = linuxFiles.open(...args);
      this.open += 1;
      this.most = Math.max(this.most, this.open);
      return fd;
    },
    close: (fd) => {
      linuxFiles.close(fd);
      this.open -= 1;
    },
  };
}

/** Directories `a` in one another, with a file beside each: deeper than any path can say, so they are removed as they were made. */
function makeDeep(t: TestContext, depth: number): string {
  const root = `${temporaryDirectory(t)}/deep`;
  let at = makeDirectory(anywhere, root);
  for (let n = 0; n < depth; n++) {
    linuxFiles.close(linuxFiles.open(at, "z", { access: "create" }));
    const next = makeDirectory(at, "a");
    linuxFiles.close(at);
    at = next;
  }
  linuxFiles.close(at);
  t.after(() => removeTree(linuxFiles, anywhere, root));
  return root;
}

function makeDirectory(parent: Fd, name: string): Fd {
  linuxFiles.makeDirectory(parent, name, 0o700);
  return linuxFiles.open(parent, name, { directory: true });
}

test("directories nested deeper than anybody would are counted and removed with few of them open at once", (t) => {
  const depth = 300;
  const root = makeDeep(t, depth);
  const counted = new Counted();
  const entries = 2 * depth + 1;
  assert.equal(takenUnder(counted.files, root).inodes, entries);
  assert.equal(countTree(counted.files, anywhere, root), entries);
  assert.equal(removeTree(counted.files, anywhere, root), entries);
  assert.equal(counted.open, 0);
  assert.ok(counted.most < 40, `${counted.most} were open`);
});

test("a copy of directories without end is refused, as a snapshot of them is", (t) => {
  const place = temporaryDirectory(t);
  linuxFiles.makeDirectory(anywhere, `${place}/a`, 0o700);
  const directory = linuxFiles.open(anywhere, place, { directory: true });
  t.after(() => linuxFiles.close(directory));
  const counted = new Counted();
  // Whatever is opened is the same directory again.
  const files: Files = {
    ...counted.files,
    makeDirectory: () => undefined,
    open: (parent) => counted.files.open(parent, "."),
  };
  assert.throws(
    () => copyTree(files, directory, directory, new Work("write")),
    withCode("too_large", /nested/),
  );
  assert.equal(counted.open, 0);
});

test("a walk does not go on where a directory above was moved to", (t) => {
  const root = makeDeep(t, 100);
  const top = linuxFiles.open(anywhere, root, { directory: true });
  const outside = makeDirectory(anywhere, `${temporaryDirectory(t)}/outside`);
  t.after(() => [top, outside].forEach((fd) => linuxFiles.close(fd)));
  linuxFiles.close(linuxFiles.open(outside, "file", { access: "create" }));
  let lists = 0;
  const counted = new Counted();
  const files: Files = {
    ...counted.files,
    list: (fd) => {
      lists += 1;
      // The fortieth directory, when the walk is in one far below and has closed it and what is above.
      if (lists === 90) linuxFiles.rename(top, "a/".repeat(40).slice(0, -1), outside, "moved");
      return linuxFiles.list(fd);
    },
  };
  assert.throws(() => takenUnder(files, root), withCode("io_error", /was moved/));
  assert.equal(counted.open, 0);
});

test("what takes the place of a directory while it is walked is passed over", (t) => {
  const root = makeDeep(t, 1);
  for (const errno of ["ENOENT", "ENOTDIR", "ELOOP"]) {
    const files: Files = {
      ...linuxFiles,
      open: (directory, name, options) => {
        if (String(name) !== "a") return linuxFiles.open(directory, name, options);
        // A symlink is refused as one, and not for what it leads to.
        linuxFiles.removeDirectory(directory, "a");
        if (errno === "ENOTDIR")
          linuxFiles.makeNode(directory, "a", { type: "fifo", mode: 0o600, major: 0, minor: 0 });
        if (errno === "ELOOP") linuxFiles.makeSymlink(Buffer.from("."), directory, "a");
        return linuxFiles.open(directory, name, options);
      },
    };
    assert.equal(takenUnder(files, root).inodes, 3);
    removeTree(linuxFiles, anywhere, `${root}/a`);
    linuxFiles.makeDirectory(anywhere, `${root}/a`, 0o700);
  }
});

test("the copy of a file that is cut short meanwhile ends", (t) => {
  const place = temporaryDirectory(t);
  const [from, to] = ["from", "to"].map((name) => makeDirectory(anywhere, `${place}/${name}`)) as [Fd, Fd];
  t.after(() => [from, to].forEach((fd) => linuxFiles.close(fd)));
  const file = linuxFiles.open(from, "file", { access: "create" });
  linuxFiles.truncate(file, 100_000);
  linuxFiles.write(file, Buffer.alloc(100_000, "content"), 0);
  let seeks = 0;
  const files: Files = {
    ...linuxFiles,
    shareContent: () => false,
    seek: (fd, what, position) => {
      seeks += 1;
      assert.ok(seeks < 100, "it does not end");
      if (seeks === 1) linuxFiles.truncate(file, 1000);
      return linuxFiles.seek(fd, what, position);
    },
  };
  copyTree(files, from, to, new Work("write"));
  linuxFiles.close(file);
});
