import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openPath, RuntimeError } from "../../src/index.js";
import type { OpenedPath } from "../../src/files/read.js";
import { FILE_OPEN_MS_MAX } from "../../src/limits.js";
import { plainExec, replaced } from "./plain-exec.js";

async function textOf(opened: OpenedPath, range?: { offset: number; length: number }): Promise<string> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of opened.read(range)) pieces.push(piece);
  } finally {
    opened.close();
  }
  return Buffer.concat(pieces).toString();
}

const withCode = (code: string) => (error: unknown) => error instanceof RuntimeError && error.code === code;
const opening = 'exec 3< "$1"\n';

describe("a file that is read while its owner is at it", () => {
  let place: string;
  const at = (name: string): string => join(place, name);
  beforeEach(() => {
    place = mkdtempSync("/tmp/chaser-read-");
    writeFileSync(at("file"), "0123456789");
    writeFileSync(at("secret"), "of somebody");
  });
  afterEach(() => rmSync(place, { recursive: true }));

  it("is the one that was described, whatever its name stands for by then", async () => {
    const opened = await openPath(plainExec(), at("file"));
    unlinkSync(at("file"));
    symlinkSync("secret", at("file"));
    assert.equal(opened.info.sizeBytes, 10);
    assert.equal(await textOf(opened, { offset: 2, length: 3 }), "234");
  });

  it("is described as it was opened, also when its name goes to another just then", async () => {
    const swap = 'mv -- "$1" "$1.old"; ln -s secret "$1"';
    const opened = await openPath(
      plainExec((script) => replaced(script, opening, `${opening}${swap}\n`)),
      at("file"),
    );
    assert.equal(opened.info.sizeBytes, 10);
    assert.equal(await textOf(opened), "0123456789");
  });

  it("fails when it becomes shorter, rather than end as if it were whole", async () => {
    const opened = await openPath(plainExec(), at("file"));
    truncateSync(at("file"), 4);
    await assert.rejects(textOf(opened), withCode("transfer_failed"));
  });

  it("is not waited for when a FIFO takes its place", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const becoming = plainExec((script) => replaced(script, opening, `rm -- "$1"; mkfifo "$1"\n${opening}`));
    const opened = openPath(becoming, at("file"));
    opened.catch(() => undefined);
    while (lstatSync(at("file"), { throwIfNoEntry: false })?.isFIFO() !== true)
      await new Promise((later) => setImmediate(later));
    t.mock.timers.tick(FILE_OPEN_MS_MAX);
    await assert.rejects(opened, withCode("transfer_failed"));
  });

  it("is refused when it is none, without being opened", async () => {
    execFileSync("mkfifo", [at("fifo")]);
    await assert.rejects(openPath(plainExec(), at("fifo")), withCode("path_unsupported"));
    renameSync(at("fifo"), at("file"));
    await assert.rejects(openPath(plainExec(), at("file")), withCode("path_unsupported"));
  });
});
