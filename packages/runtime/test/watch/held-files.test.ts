import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { HeldFiles } from "../../src/watch/held-files.js";

/** Holds so many descriptors, and after them a file without a name of some bytes. */
const HOLDER = `my ($path, $count, $bytes) = @ARGV;
my @held = map { open(my $h, "<", "/dev/null") or die; $h } 1 .. $count;
open(my $f, ">", $path) or die; syswrite $f, "x" x $bytes; unlink $path; syswrite STDOUT, "ready"; sleep 1000`;

async function holder(directory: string, count: number, bytes: number): Promise<ChildProcess> {
  const args = ["-e", HOLDER, join(directory, "file"), String(count), String(bytes)];
  const child = spawn("perl", args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

describe("files without a name", () => {
  it("are found in pieces, those of processes with few descriptors first, and whoever asks does not wait", async () => {
    const directory = mkdtempSync(join(tmpdir(), "chaser-held-"));
    const [small, large] = [await holder(directory, 1, 8192), await holder(directory, 10_000, 65_536)];
    try {
      const proc = join(directory, "proc");
      mkdirSync(proc);
      // Several processes that hold the same.
      for (const pid of ["2", "3", "4", "5", "6"]) symlinkSync(`/proc/${String(large.pid)}`, join(proc, pid));
      symlinkSync(`/proc/${String(small.pid)}`, join(proc, "70"));
      const held = new HeldFiles(proc, 0);
      const seen: number[][] = [];
      while (seen.at(-1)?.length !== 2) {
        const sizes = (await held.in("disk")).map(({ bytes }) => bytes);
        if (sizes.length > (seen.at(-1)?.length ?? 0)) seen.push(sizes);
        await delay(1);
      }
      assert.deepEqual(seen, [[8192], [8192, 65_536]]);
      assert.deepEqual(await held.in("memory"), []);
    } finally {
      small.kill("SIGKILL");
      large.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    }
  });
});
