import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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
import { outcomeOf, prepareCli } from "../../spawned-cli.js";

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
    symlinkSync("dir", at("dir-link"));
    await copy("w:copied/sub/run", "dir-link");
    assert.deepEqual(readdirSync(at("dir")).sort(), ["copied", "run"]);
    await copy("w:/workspace/copied/", "back/../back");
    assert.deepEqual(readdirSync(at("back")).sort(), ["away", "copied", "link", "mine", "sub"]);
  });

  it("takes no rights along that a file gives who runs it", async () => {
    await cli.run("exec", "w", "--no-stdin", "--", "mkdir rights; touch rights/f; chmod 6755 rights/f");
    await copy("w:rights/f", "alone");
    await copy("w:rights", "rights");
    for (const file of [at("alone"), at("rights", "f")]) assert.equal(lstatSync(file).mode & 0o7777, 0o755);
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

  it("passes over what is no file, and keeps names that look like something else", async () => {
    mkdirSync(at("odd"));
    execFileSync("mkfifo", [at("odd", "fifo")]);
    const names = ["a\nb", "\u001b[2J", "-rf", "w:x", "..."];
    for (const name of names) writeFileSync(at("odd", name), name);
    const sent = await cli.run("cp", "odd", "w:odd");
    assert.deepEqual([sent.code, sent.stderr], [0, "passed over, because it is no file: ./fifo\n"]);
    await copy("w:odd", "odd-back");
    assert.deepEqual(readdirSync(at("odd-back")).sort(), [...names].sort());
    for (const name of names) assert.equal(readFileSync(at("odd-back", name), "utf8"), name);
    const { stderr } = await cli.run("cp", "w:\u001b[2Jmissing", "x");
    assert.ok(stderr.startsWith("error: ") && !stderr.includes("\u001b"), stderr);
  });

  it("ends with 130 at Ctrl-C, and leaves neither half a copy nor what a half replaced", async () => {
    mkdirSync(at("down"));
    writeFileSync(at("down", "big"), "before");
    await cli.runWithInput("before", "cp", "-", "w:up");
    await cli.run("exec", "w", "--no-stdin", "--", "mkdir big; truncate -s 8G big/f");

    const up = cli.start("cp", "-", "w:up");
    const upEnded = outcomeOf(up);
    up.stdin?.on("error", () => undefined);
    up.stdin?.write(Buffer.alloc(300_000));
    const down = cli.start("cp", "w:big/f", "down/big");
    const downEnded = outcomeOf(down);
    const whole = cli.start("cp", "w:big", "down/dir");
    const wholeEnded = outcomeOf(whole);
    const arriving = (): number =>
      readdirSync(at("down")).filter((name) => name.startsWith(".chaser-cp")).length;
    const sent = async (): Promise<string> =>
      (await cli.run("exec", "w", "--no-stdin", "--", "find . -size +200k -name '.*'")).stdout;
    while (arriving() < 2 || (await sent()) === "") await new Promise((later) => setTimeout(later, 20));
    for (const child of [up, down, whole]) child.kill("SIGINT");
    for (const { code, stdout, stderr } of await Promise.all([upEnded, downEnded, wholeEnded]))
      assert.deepEqual([code, stdout, stderr], [130, "", "error: interrupted\n"]);
    assert.deepEqual(readdirSync(at("down")), ["big"]);
    assert.equal(readFileSync(at("down", "big"), "utf8"), "before");
    assert.equal((await cli.run("cp", "w:up", "-")).stdout, "before");
    while ((await sent()) !== "") await new Promise((later) => setTimeout(later, 20));
  });

  it("says what is missing or wrong, and leaves nothing behind", async () => {
    for (const [args, code] of [
      [["w:missing", "x"], 3],
      [["nowhere:x", "x"], 3],
      [["a", "b"], 2],
      [["not-here", "w:x"], 3],
    ] as const) {
      const outcome = await cli.run("cp", ...args);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.match(outcome.stderr, /^error: /);
    }
    assert.ok(!readdirSync(cli.directory).some((name) => name === "x" || name.startsWith(".chaser-cp")));
  });
});
