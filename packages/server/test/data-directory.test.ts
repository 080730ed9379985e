import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { rm } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { DataDirectoryInUseError, openDataDirectory } from "../src/data-directory.js";
import { temporaryDirectory } from "./fixture/server.js";

async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o7777;
}

test("an ordinary user's data directory is closed to everyone else", async () => {
  const directory = path.join(await temporaryDirectory(), "data");
  const data = await openDataDirectory(directory, false);
  for (const inside of ["", "accounts", "run", "meta"])
    assert.equal(await modeOf(path.join(directory, inside)), 0o700, inside);
  await data.release();
  await rm(path.dirname(directory), { recursive: true });
});

test("in root's data directory accounts can pass through, but not look around or at the metadata", async () => {
  const directory = path.join(await temporaryDirectory(), "data");
  const data = await openDataDirectory(directory, true);
  for (const inside of ["", "accounts", "run"])
    assert.equal(await modeOf(path.join(directory, inside)), 0o711, inside);
  assert.equal(await modeOf(path.join(directory, "meta")), 0o700);
  await data.release();
  await rm(path.dirname(directory), { recursive: true });
});

test("a second server is kept out until the first lets go", async () => {
  const directory = await temporaryDirectory();
  const first = await openDataDirectory(directory, false);
  await assert.rejects(
    openDataDirectory(directory, false),
    (error) => error instanceof DataDirectoryInUseError && error.message.includes(directory),
  );
  await first.release();
  await (await openDataDirectory(directory, false)).release();
  await rm(directory, { recursive: true });
});
