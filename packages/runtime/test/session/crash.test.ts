/** A server that dies without a word, at any moment, leaves nothing that runs, and its successor starts clean. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Runtime } from "../../src/index.js";
import { noSandbox } from "../support/available.js";
import { hostUser, makeDirectory, makeDisk, removeDirectory, runIn, runsAsRoot } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

const SERVER = fileURLToPath(new URL("../support/server.js", import.meta.url));
/** `npm run test:deep N` tries N times as many. */
const ROUNDS = 6 * Math.max(1, Number(process.env["CHASER_DEEP"] ?? 1));

describe("a server killed with SIGKILL", { skip: noSandbox }, () => {
  it(`leaves no process, at any of ${String(ROUNDS)} moments, and the next one works`, async (test) => {
    const seed = Date.now() % 100_000;
    test.diagnostic(`seed ${String(seed)}`);
    let random = seed;
    const next = (): number => (random = (random * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
    const directory = makeDirectory();
    const runDirectory = join(directory, "run");
    const disk = makeDisk(directory, "disk");
    const marker = `7${String(process.pid)}${String(seed)}`;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const server = spawn(process.execPath, [SERVER, directory, marker], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await new Promise((resolve) => server.stdout.once("data", resolve));
        const dead = new Promise((resolve) => server.once("exit", resolve));
        if (round === 0) {
          const run = (): boolean =>
            processesWith(marker).some(({ command }) => command.startsWith("sleep "));
          assert.ok(await eventually(run), "the commands ran");
        } else await delay(next() * 600);
        server.kill("SIGKILL");
        await dead;
        const left = (): unknown[] =>
          [...processesWith(marker), ...processesWith(directory)].filter(({ pid }) => pid !== server.pid);
        assert.ok(
          await eventually(() => left().length === 0),
          `round ${String(round)}: ${JSON.stringify(left())}`,
        );
        assert.ok(await eventually(() => keepersOf(directory) === 0));
      }
      await using runtime = await Runtime.open({ runDirectory });
      assert.deepEqual(readdirSync(join(runDirectory, "sessions")), []);
      const session = await runtime.startSession({ id: "after", mount: disk.mount, ...hostUser });
      assert.equal((await runIn(session, "echo works")).text, "works\n");
    } finally {
      removeDirectory(directory);
    }
  });

  it("has its lock freed, and a living one keeps it", async () => {
    const directory = makeDirectory();
    try {
      const runDirectory = join(directory, "run");
      await using first = await Runtime.open({ runDirectory });
      await assert.rejects(Runtime.open({ runDirectory }), { code: "run_directory_in_use" });
      await first.close();
      await using second = await Runtime.open({ runDirectory });
      assert.ok(second);
    } finally {
      removeDirectory(directory);
    }
  });
});

/** Processes in mount namespaces in which the directory's mounts exist: none of the host's own. */
function keepersOf(directory: string): number {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    const path = `/proc/${name}/root${join(directory, "run/sessions")}`;
    try {
      return existsSync(path) && readdirSync(path).some((id) => existsSync(join(path, id, "state/tmp")));
    } catch {
      return runsAsRoot && false;
    }
  }).length;
}
