import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { putInPlace } from "../../../src/commands/cp/put-in-place.js";
import { CliError } from "../../../src/errors.js";

describe("what was copied, put in its place", () => {
  let around: string;
  const at = (...names: string[]): string => path.join(around, ...names);
  beforeEach(() => {
    around = mkdtempSync(path.join(tmpdir(), "chaser-put-"));
    for (const name of ["from", "to", "outside"]) mkdirSync(at(name));
    writeFileSync(at("outside", "kept"), "kept");
  });
  afterEach(() => rmSync(around, { recursive: true }));

  const refused = async (): Promise<void> => {
    await assert.rejects(
      putInPlace(at("from"), at("to")),
      (error) =>
        error instanceof CliError && error.code === "target_exists" && error.message.includes(at("to", "d")),
    );
    assert.deepEqual(readdirSync(at("outside")), ["kept"]);
    assert.equal(readFileSync(at("outside", "kept"), "utf8"), "kept");
  };

  it("goes into a directory that is there, beside what is in it", async () => {
    mkdirSync(at("from", "d"));
    mkdirSync(at("to", "d"));
    for (const [side, names] of [
      ["from", ["new", "both"]],
      ["to", ["both", "old"]],
    ] as const)
      for (const name of names) writeFileSync(at(side, "d", name), side);
    await putInPlace(at("from"), at("to"));
    const found = readdirSync(at("to", "d")).map((name) => [name, readFileSync(at("to", "d", name), "utf8")]);
    assert.deepEqual(Object.fromEntries(found), { both: "from", new: "from", old: "to" });
  });

  it("replaces a link in the place of a file", async () => {
    writeFileSync(at("from", "f"), "new");
    symlinkSync("../outside/kept", at("to", "f"));
    await putInPlace(at("from"), at("to"));
    assert.equal(readFileSync(at("to", "f"), "utf8"), "new");
    assert.equal(readFileSync(at("outside", "kept"), "utf8"), "kept");
  });

  it("does not go through a link in the place of a directory", async () => {
    mkdirSync(at("from", "d"));
    writeFileSync(at("from", "d", "kept"), "of the copy");
    symlinkSync("../outside", at("to", "d"));
    await refused();
    assert.equal(readlinkSync(at("to", "d")), "../outside");
  });

  it("does not take from where a link leads that was copied", async () => {
    symlinkSync("../outside", at("from", "d"));
    mkdirSync(at("to", "d"));
    await refused();
    assert.deepEqual(readdirSync(at("to", "d")), []);
  });

  it("says what is in the way of a file or a directory", async () => {
    mkdirSync(at("from", "d"));
    writeFileSync(at("to", "d"), "mine");
    await refused();
    assert.equal(readFileSync(at("to", "d"), "utf8"), "mine");
    rmSync(at("from", "d"), { recursive: true });
    rmSync(at("to", "d"));
    writeFileSync(at("from", "d"), "");
    mkdirSync(at("to", "d"));
    await refused();
    assert.ok(existsSync(at("from", "d")));
  });
});
