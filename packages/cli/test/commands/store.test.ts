import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openStore } from "@chaser/store";
import { outcomeOf, prepareCli } from "../spawned-cli.js";

interface SnapshotDocument {
  id: string;
  name: string;
  tree: string;
  files: number;
  logical_bytes: number;
  new_bytes: number;
  duration_ms: number;
}

describe("chaser store", () => {
  const cli = prepareCli();
  const store = join(cli.directory, "store");
  const source = join(cli.directory, "source");
  cli.env["CHASER_STORE"] = store;
  after(() => cli.remove());

  before(async () => {
    mkdirSync(join(source, "deep/er"), { recursive: true });
    writeFileSync(join(source, "deep/er/file"), "content\n".repeat(1000));
    writeFileSync(join(source, "control\u001b[31m\n"), "x");
    linkSync(join(source, "deep/er/file"), join(source, "hard"));
    symlinkSync("deep/er", join(source, "soft"));
    await cli.json("store", "init", store);
  });

  it("refuses to make a store twice, or in a directory that is in use", async () => {
    assert.equal((await cli.run("store", "init", store)).code, 4);
    assert.notEqual((await cli.run("store", "init", source)).code, 0);
  });

  it("takes, lists, shows and restores a snapshot that is identical", async () => {
    const taken = await cli.json<SnapshotDocument>("store", "snapshot", source, "--name", "first");
    assert.equal(taken.name, "first");
    assert.equal(taken.logical_bytes > 8000, true);
    for (const field of ["files", "new_bytes", "duration_ms"] as const)
      assert.equal(typeof taken[field], "number");
    assert.equal((await cli.json<SnapshotDocument[]>("store", "snapshots"))[0]?.id, taken.id);
    assert.equal((await cli.json<SnapshotDocument>("store", "show", "first")).tree, taken.tree);

    const target = join(cli.directory, "restored");
    const { code, stderr } = await cli.run("store", "restore", "first", target);
    assert.deepEqual([code, stderr], [0, ""]);
    execFileSync("diff", ["-r", "--no-dereference", source, target]);
  });

  it("says what a restore would change, and restores one path", async () => {
    const target = join(cli.directory, "restored");
    writeFileSync(join(target, "hard"), "broken");
    writeFileSync(join(target, "extra"), "");
    const plan = await cli.json<{ dry_run: boolean; changed: number; deleted: number }>(
      "store",
      "restore",
      "first",
      target,
      "--delete",
      "--dry-run",
    );
    assert.equal(plan.dry_run, true);
    assert.equal(plan.deleted, 1);
    assert.equal(readFileSync(join(target, "hard"), "utf8"), "broken");
    await cli.json("store", "restore", "first", target, "--path", "/hard/");
    assert.equal(readFileSync(join(target, "hard"), "utf8").length, 8000);
    assert.equal(readFileSync(join(target, "extra"), "utf8"), "");
  });

  it("refuses to restore a path that the snapshot does not have", async () => {
    const target = join(cli.directory, "restored");
    for (const more of [[], ["--dry-run"]]) {
      const { code, stderr } = await cli.run("store", "restore", "first", target, "--path", "hrad", ...more);
      assert.equal(code, 3);
      assert.match(stderr, /"hrad"/);
    }
  });

  it("gives the same figures as du", async () => {
    const usage = await cli.json<Record<string, number>>("store", "usage");
    const onDisk = Number(execFileSync("du", ["-s", "-B1", store]).toString().split("\t")[0]);
    assert.equal(usage["on_disk_bytes"], onDisk);
    for (const field of ["logical_bytes", "dead_bytes", "overhead_bytes"])
      assert.equal(typeof usage[field], "number", field);
  });

  it("counts what the store keeps of its answers", async () => {
    const directory = join(cli.directory, "often-asked");
    const changing = join(cli.directory, "changing");
    mkdirSync(changing);
    await using opened = await openStore(directory, { create: true });
    for (const round of [1, 2, 3, 4, 5, 6]) {
      for (const n of [1, 2, 3]) {
        writeFileSync(join(changing, `file-${round}-${n}`), `${round}`);
        await opened.snapshot(changing);
      }
      const usage = await cli.json<Record<string, number>>("store", "usage", "--store", directory);
      const onDisk = Number(execFileSync("du", ["-s", "-B1", directory]).toString().split("\t")[0]);
      assert.equal(usage["on_disk_bytes"], onDisk, `round ${round}`);
    }
  });

  it("uses the documented exit codes", async () => {
    assert.equal((await cli.run("store", "show", "nope")).code, 3);
    assert.equal((await cli.run("store", "snapshot", join(cli.directory, "nope"))).code, 3);
    assert.equal((await cli.run("store", "snapshots", "--store", join(cli.directory, "nope"))).code, 3);
    assert.equal((await cli.run("store", "snapshot", source, "--name", "FIRST")).code, 4);
    assert.equal((await cli.run("store", "snapshot", source, "--name", "")).code, 2);
  });

  it("repairs what is damaged, and says what it did and what remains", async () => {
    const other = join(cli.directory, "damaged");
    await cli.run("store", "init", other);
    await cli.run("store", "snapshot", source, "--name", "hurt", "--store", other);
    const ask = (...words: string[]) => cli.run("store", "fsck", "--store", other, ...words);
    assert.match((await ask("--repair")).stdout, /: no damage found\n$/);
    for (const name of readdirSync(join(other, "index"))) rmSync(join(other, "index", name));
    const [ref] = readdirSync(join(other, "refs/snapshots"));
    writeFileSync(join(other, "refs/snapshots", ref as string), "garbage");
    const found = await ask();
    assert.equal(found.code, 1);
    assert.match(found.stdout, /^ref_damaged {2}refs\/snapshots\//);
    const mended = await ask("--repair");
    assert.equal(mended.code, 0);
    assert.match(mended.stdout, /led 1 name back to a snapshot\nnothing remains\n$/);
    for (const name of readdirSync(join(other, "packs"))) rmSync(join(other, "packs", name));
    const { code, stdout } = await ask("--repair", "--json");
    assert.equal(code, 1);
    const report = JSON.parse(stdout) as { ok: boolean; repair: { remaining: { snapshots: string[] }[] } };
    assert.equal(report.ok, false);
    assert.deepEqual(report.repair.remaining[0]?.snapshots, ["hurt"]);
  });

  it("checks, deletes and collects", async () => {
    assert.equal((await cli.json<{ ok: boolean }>("store", "fsck", "--read-data")).ok, true);
    const deleted = await cli.json<{ freed_bytes: number }>("store", "delete", "first");
    assert.equal(typeof deleted.freed_bytes, "number");
    assert.equal((await cli.json<{ dry_run: boolean }>("store", "gc", "--dry-run")).dry_run, true);
    assert.equal((await cli.json<{ dry_run: boolean }>("store", "gc")).dry_run, false);
    assert.equal((await cli.run("store", "snapshots")).stdout, "no snapshots yet\n");
  });

  it("ends with 130 at Ctrl-C and keeps nothing half done", async () => {
    const big = join(cli.directory, "big");
    mkdirSync(big);
    // Random bytes cannot be compressed or deduplicated, so this keeps the store busy for a while.
    for (let file = 0; file < 2000; file += 1) writeFileSync(join(big, String(file)), randomBytes(150_000));
    const child = cli.start("store", "snapshot", big, "--name", "cut");
    const outcome = outcomeOf(child);
    // Not before it is at work: packs appear below the store then.
    const bytesBefore = storeBytes(store);
    while (child.exitCode === null && storeBytes(store) < bytesBefore + 10_000_000)
      await new Promise((later) => setTimeout(later, 5));
    child.kill("SIGINT");
    const { code, stderr } = await outcome;
    assert.deepEqual([code, stderr], [130, "error: interrupted\n"]);
    rmSync(big, { recursive: true });
    assert.equal((await cli.run("store", "snapshots")).stdout, "no snapshots yet\n");
    assert.equal((await cli.json<{ ok: boolean }>("store", "fsck")).ok, true);
  });
});

function storeBytes(store: string): number {
  // Sizes, not blocks, which ext4 allocates late. Files come and go under du's hands while the store is at work; it then still prints a figure.
  const command = 'du -s -b "$0" 2>/dev/null || true';
  return Number(execFileSync("sh", ["-c", command, store]).toString().split("\t")[0]);
}
