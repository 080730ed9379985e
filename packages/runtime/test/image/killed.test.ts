/** A process that is killed while it pulls an image. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Images, type ImagesOptions } from "../../src/index.js";
import { HOST_UID, makeDirectory, removeDirectory, runsAsRoot } from "../support/fixture.js";
import { makeLayout, tarOf } from "./layout.js";
import { startOwnRegistry } from "./own-registry.js";

const program = fileURLToPath(new URL("./pull-process.js", import.meta.url));

function processesNaming(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
    } catch {
      return false;
    }
  });
}

test("a pull that is killed leaves no process, and nothing that the next start does not remove", async (t) => {
  const directory = makeDirectory();
  t.after(() => removeDirectory(directory));
  const layout = join(directory, "layout");
  const layers = [
    { tar: await tarOf([{ name: "first", content: randomBytes(100_000) }]) },
    { tar: await tarOf([{ name: "last", content: randomBytes(4_000_000) }]) },
  ];
  const digest = makeLayout(layout, { layers });
  await using registry = await startOwnRegistry(layout, digest);
  registry.stops = true;
  const options: ImagesOptions = {
    directory: join(directory, "images"),
    insecureRegistries: [registry.host],
    ...(runsAsRoot ? { owner: { uid: HOST_UID - 1, gid: HOST_UID - 1 } } : {}),
  };
  const reference = `${registry.host}/base:v1`;
  const inside = (name: string): string[] => readdirSync(join(options.directory, name));
  const killedAt = async (phase: string, bytes: number): Promise<void> => {
    const args = [program, JSON.stringify(options), reference, phase, String(bytes)];
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.equal(signal, "SIGKILL");
    for (
      let left = processesNaming(options.directory);
      left.length > 0;
      left = processesNaming(options.directory)
    )
      await sleep(10);
  };
  const openAgain = async (): Promise<void> => {
    const images = Images.open(options);
    assert.deepEqual([inside("work"), inside("layers"), inside("records")], [[], [], []]);
    await images.close();
  };

  // Half of the last layer is there, and no more will come: skopeo would wait for it.
  await killedAt("fetch", 1_000_000);
  assert.equal(inside("work").length, 1);
  await openAgain();

  registry.stops = false;
  // The first layer is in its place, the last is not, and no record says that they are an image.
  await killedAt("unpack", 100_000);
  assert.deepEqual([inside("work").length, inside("layers").length], [1, 1]);
  await openAgain();

  const images = Images.open(options);
  const image = await images.pull(reference);
  assert.equal(image.digest, digest);
  assert.deepEqual([inside("work").length, inside("layers").length], [0, 2]);
  await images.close();
});
