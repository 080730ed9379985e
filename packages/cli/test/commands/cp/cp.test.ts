import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { startServer, type RunningServer } from "@chaser/server";
import { prepareCli } from "../../spawned-cli.js";

describe("chaser cp", () => {
  const cli = prepareCli();
  let server: RunningServer;
  const at = (...names: string[]): string => path.join(cli.directory, ...names);

  before(async () => {
    chmodSync(cli.directory, 0o711);
    server = await startServer({ dataDirectory: at("data"), listen: { host: "127.0.0.1", port: 0 } });
    cli.env["CHASER_API_URL"] = server.url;
    cli.env["CHASER_API_KEY"] = server.apiKey;
    await cli.json("workspaces", "create", "--name", "w");
  });
  after(async () => {
    await server.close();
    cli.remove();
  });

  const copy = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await cli.run("cp", ...args);
    assert.deepEqual([code, stderr], [0, ""]);
  };

  it("copies a directory there and back, with modes, times and links", async () => {
    mkdirSync(at("tree", "sub"), { recursive: true });
    writeFileSync(at("tree", "sub", "run"), "#!/bin/sh\n");
    chmodSync(at("tree", "sub", "run"), 0o750);
    utimesSync(at("tree", "sub", "run"), 1_400_000_000, 1_400_000_000);
    symlinkSync("sub/run", at("tree", "link"));
    symlinkSync("/etc/passwd", at("tree", "away"));
    await copy("tree", "w:copied");
    await copy("w:copied", "back");
    assert.equal(readlinkSync(at("back", "link")), "sub/run");
    assert.equal(readlinkSync(at("back", "away")), "/etc/passwd");
    const { mode, mtimeMs } = lstatSync(at("back", "sub", "run"));
    assert.deepEqual([mode & 0o777, mtimeMs], [0o750, 1_400_000_000_000]);
    writeFileSync(at("back", "mine"), "");
    mkdirSync(at("dir"));
    await copy("w:copied", "dir");
    assert.deepEqual(readdirSync(at("dir", "copied")).sort(), ["away", "link", "sub"]);
    await copy("w:/workspace/copied/", "back/../back");
    assert.deepEqual(readdirSync(at("back")).sort(), ["away", "copied", "link", "mine", "sub"]);
  });

  it("copies files, and to and from a pipe", async () => {
    writeFileSync(at("f"), Buffer.from([0, 255, 10]));
    chmodSync(at("f"), 0o600);
    await copy("f", "w:into/");
    await copy("w:into/f", "g");
    assert.deepEqual(readFileSync(at("g")), Buffer.from([0, 255, 10]));
    assert.equal(lstatSync(at("g")).mode & 0o777, 0o600);
    assert.equal((await cli.runWithInput("piped", "cp", "-", "w:p")).code, 0);
    assert.equal((await cli.run("cp", "w:p", "-")).stdout, "piped");
  });

  it("says what is missing or wrong, and leaves nothing behind", async () => {
    for (const [args, code] of [
      [["w:missing", "x"], 3],
      [["nowhere:x", "x"], 3],
      [["a", "b"], 2],
      [["not-here", "w:x"], 1],
    ] as const) {
      const outcome = await cli.run("cp", ...args);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.match(outcome.stderr, /^error: /);
    }
    assert.ok(!readdirSync(cli.directory).some((name) => name === "x" || name.startsWith(".chaser-cp")));
  });
});
