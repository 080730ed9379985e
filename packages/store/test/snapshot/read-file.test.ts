import assert from "node:assert/strict";
import { appendFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { anywhere, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import {
  FileReader,
  readAttemptsMax,
  settledBefore,
  type FileReading,
} from "../../src/snapshot/read-file.js";
import { owners } from "../../src/snapshot/owners.js";
import { scan } from "../../src/snapshot/scan.js";
import { Work } from "../../src/snapshot/work.js";
import { readDirectory } from "../../src/tree/directory.js";
import { temporaryDirectory } from "../temporary.js";
import { MemoryObjects } from "../tree/memory-objects.js";

type Happening = (count: number) => void;

/** The kernel's files, with something that happens right behind each read, or each stat. */
function filesWith(afterRead: Happening, afterStat: Happening = () => undefined): Files {
  let reads = 0;
  let stats = 0;
  return {
    ...linuxFiles,
    readSome(fd, buffer, position) {
      const count = linuxFiles.readSome(fd, buffer, position);
      afterRead((reads += 1));
      return count;
    },
    statOpen(fd) {
      const stat = linuxFiles.statOpen(fd);
      afterStat((stats += 1));
      return stat;
    },
  };
}

/** Reads a file to which that happens; in any case what was read is what its metadata is about. */
function reading(path: string, afterRead: Happening, afterStat?: Happening): { text: string } & FileReading {
  const objects = new MemoryObjects();
  const files = filesWith(afterRead, afterStat);
  const fd = files.open(anywhere, path);
  try {
    const found = new FileReader(files, objects, settledBefore(Date.now()), () => undefined).read(fd);
    const text = found.segments.map((item) =>
      item.kind === "chunk" ? objects.get(item.id) : Buffer.alloc(item.length),
    );
    return { ...found, text: Buffer.concat(text).toString() };
  } finally {
    files.close(fd);
  }
}

function place(t: TestContext): string {
  const file = `${temporaryDirectory(t)}/file`;
  writeFileSync(file, "before");
  return file;
}

describe("a file that changes while it is read", () => {
  test("is read again when another content of the same length takes its place", (t) => {
    const file = place(t);
    const { text, consistent, stat } = reading(file, (read) => {
      if (read > 1) return;
      writeFileSync(file, "after!");
      utimesSync(file, 1_000_000_000, 1_000_000_000);
    });
    assert.deepEqual([text, consistent, stat.mtimeSeconds], ["after!", true, 1_000_000_000]);
  });

  test("is read again when that happens right after its state was asked for, within one tick of the clock or not", (t) => {
    const file = place(t);
    const { text, consistent } = reading(
      file,
      () => undefined,
      (stat) => {
        if (stat === 1) writeFileSync(file, "after!");
      },
    );
    assert.deepEqual([text, consistent], ["after!", true]);
  });

  test("is read again when it becomes longer, or shorter", (t) => {
    const file = place(t);
    const longer = reading(file, (read) => {
      if (read === 1) appendFileSync(file, " and after");
    });
    assert.deepEqual([longer.text, longer.consistent], ["before and after", true]);
    const shorter = reading(file, (read) => {
      if (read === 1) writeFileSync(file, "cut");
    });
    assert.deepEqual([shorter.text, shorter.consistent], ["cut", true]);
  });

  test("each time it is read is told of, and is as long as it says", (t) => {
    const file = place(t);
    const { consistent, sizeBytes, text } = reading(file, () => appendFileSync(file, "x"));
    assert.equal(consistent, false);
    assert.equal(sizeBytes, text.length);
    assert.equal(statSync(file).size, "before".length + 1 + readAttemptsMax);
  });

  test("each time it is read is a problem of the snapshot, which has it all the same", (t) => {
    const source = temporaryDirectory(t);
    for (const name of ["changing", "still"]) writeFileSync(`${source}/${name}`, "x".repeat(100_000));
    const work = new Work("scan");
    const fd = linuxFiles.open(anywhere, source, { directory: true });
    t.after(() => linuxFiles.close(fd));
    const files = filesWith(() => appendFileSync(`${source}/changing`, "x"));
    const { root } = scan(files, new MemoryObjects(), fd, { owners: owners(), work });
    assert.equal(root.sums.files, 2);
    assert.deepEqual(
      work.problems.map(({ path, code }) => [Buffer.from(path).toString(), code]),
      [["changing", "changed_while_read"]],
    );
  });
});

test("a file in whose place there is a FIFO when it is opened is stored as that, and nobody waits", (t) => {
  const source = temporaryDirectory(t);
  writeFileSync(`${source}/file`, "x");
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  const files: Files = {
    ...linuxFiles,
    list(directory) {
      const entries = linuxFiles.list(directory);
      rmSync(`${source}/file`);
      linuxFiles.makeNode(directory, "file", { type: "fifo", mode: 0o600, major: 0, minor: 0 });
      return entries;
    },
  };
  const work = new Work("scan");
  const objects = new MemoryObjects();
  const { root } = scan(files, objects, fd, { owners: owners(), work });
  assert.deepEqual(
    readDirectory(objects, root.id).map(({ type }) => type),
    ["fifo"],
  );
  assert.deepEqual(work.problems, []);
});
