import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cliFile, prepareCli } from "../../spawned-cli.js";

describe("chaser store diff, log, ls, cat, export and import", () => {
  const cli = prepareCli();
  const store = join(cli.directory, "store");
  const source = join(cli.directory, "source");
  cli.env["CHASER_STORE"] = store;
  after(() => cli.remove());

  before(async () => {
    mkdirSync(join(source, "deep"), { recursive: true });
    writeFileSync(join(source, "deep/file"), "first\n");
    writeFileSync(join(source, "binary"), Buffer.from([0, 255, 10, 128]));
    symlinkSync("deep", join(source, "link"));
    await cli.json("store", "init", store);
    await cli.json("store", "snapshot", source, "--name", "one");
    writeFileSync(join(source, "deep/file"), "second, longer\n");
    writeFileSync(join(source, "deep/\u001b[31m"), "");
    await cli.json("store", "snapshot", source, "--name", "two");
  });

  it("shows what differs between snapshots, and with a directory", async () => {
    const diff = await cli.json<{ added: number; changes: { path: string; what: string[] }[] }>(
      "store",
      "diff",
      "one",
      "two",
    );
    assert.equal(diff.added, 1);
    const file = diff.changes.find(({ path }) => path === "deep/file");
    assert.deepEqual(file?.what, ["content", "mtime"]);
    const { stdout, stderr, code } = await cli.run("store", "diff", "one", `${source}/`);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^M deep\/file {2}\(content, mtime, 6 B -> 15 B\)$/m);
    assert.match(stdout, /^\+ deep\/\\x1b\[31m {2}\(0 B\)$/m);
    assert.equal((await cli.run("store", "diff", "two", "two")).stdout, "nothing differs\n");
    const limited = await cli.json<{ changes: object[]; truncated: boolean }>(
      ...["store", "diff", "one", "two", "--limit", "1"],
    );
    assert.deepEqual([limited.changes.length, limited.truncated], [1, true]);
    assert.equal((await cli.run("store", "diff", "one", "none")).code, 3);
    assert.equal((await cli.run("store", "diff", "one", "./none")).code, 3);
  });

  it("tells the history of a path", async () => {
    const history = await cli.json<{ snapshot: string; kind: string }[]>("store", "log", "./deep/file");
    assert.deepEqual(
      history.map(({ snapshot, kind }) => `${snapshot} ${kind}`),
      ["one added", "two changed"],
    );
    assert.match((await cli.run("store", "log", "nothing")).stdout, /^no snapshot has nothing$/m);
  });

  it("finds what is typed in bytes that are no UTF-8", () => {
    const name = Buffer.from([0x63, 0x61, 0x66, 0xe9]);
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), name]), "latin");
    const chaser = (command: string): string =>
      execFileSync("/bin/sh", ["-c", command, process.execPath, cliFile], { env: cli.env, encoding: "utf8" });
    chaser(`"$0" "$1" store snapshot '${source}' --name latin`);
    assert.equal(chaser(`"$0" "$1" store cat latin "$(printf 'caf\\351')"`), "latin");
    const history = chaser(`"$0" "$1" store log "$(printf './caf\\351')"`);
    assert.match(history, /^latin .* added/m);
    chaser(`"$0" "$1" store delete latin && rm '${source}'/caf*`);
  });

  it("lists directories", async () => {
    const listing = await cli.json<{ type: string; entries: { name: string; target?: string }[] }>(
      ...["store", "ls", "one"],
    );
    assert.deepEqual(
      listing.entries.map(({ name, target }) => [name, target]),
      [
        ["binary", undefined],
        ["deep", undefined],
        ["link", "deep"],
      ],
    );
    assert.match((await cli.run("store", "ls", "two", "/deep/")).stdout, / 15 B .* file$/m);
    assert.equal((await cli.run("store", "ls", "one", "none")).code, 3);
  });

  it("prints files byte for byte, and parts of them", async () => {
    const whole = await cli.run("store", "cat", "one", "binary");
    assert.deepEqual([...whole.stdoutBytes], [0, 255, 10, 128]);
    const part = await cli.run("store", "cat", "two", "deep/file", "--offset", "8", "--length", "6");
    assert.equal(part.stdout, "longer");
    assert.equal((await cli.run("store", "cat", "one", "deep")).code, 2);
    assert.equal((await cli.run("store", "cat", "one", "none")).code, 3);
  });

  it("moves snapshots to another store", async () => {
    const other = join(cli.directory, "other");
    await cli.json("store", "init", other);
    const all = await cli.run("store", "export", "one");
    assert.equal(all.code, 0);
    const since = await cli.run("store", "export", "two", "--since", "one");
    const take = (bundle: Buffer, ...options: string[]) =>
      cli.runWithInput(bundle, "store", "import", "--store", other, ...options);
    assert.equal((await take(since.stdoutBytes)).code, 3);
    assert.equal((await take(all.stdoutBytes.subarray(0, -1))).code, 1);
    assert.equal((await cli.run("store", "snapshots", "--store", other)).stdout, "no snapshots yet\n");
    const taken = await take(all.stdoutBytes, "--json");
    assert.equal(taken.code, 0, taken.stderr);
    const [one] = JSON.parse(taken.stdout) as { id: string }[];
    assert.equal(one?.id, (await cli.json<{ id: string }>("store", "show", "one")).id);
    assert.equal((await take(since.stdoutBytes, "--rename", "two=later")).code, 0);
    assert.equal((await take(since.stdoutBytes, "--rename", "two=one")).code, 4);
    assert.equal((await take(since.stdoutBytes, "--rename", "two")).code, 2);
    const target = join(cli.directory, "restored");
    assert.equal((await cli.run("store", "restore", "later", target, "--store", other)).code, 0);
    execFileSync("diff", ["-r", "--no-dereference", source, target]);
    assert.equal(
      (await cli.json<{ ok: boolean }>("store", "fsck", "--read-data", "--store", other)).ok,
      true,
    );
  });
});
