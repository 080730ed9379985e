import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { StoreError } from "../../src/errors.js";
import { findings, makeStore } from "./made-store.js";
import { Swapper } from "./swapper.js";
import { manifest } from "./nasty-tree.js";

const skip = spawnSync("python3", ["--version"]).error !== undefined && "python3 is not installed";
/** In the mean. However slow the machine is, it is so for both. */
const swapsPerRound = 10;

/** Runs over and over while a directory is swapped with a symlink to a place outside, and back. */
async function underAttack(
  directory: string,
  { link, outside }: { link: string; outside: string },
  run: (round: number) => void,
): Promise<void> {
  symlinkSync(outside, link);
  const swapper = await Swapper.start(directory, link, outside);
  const startedMs = performance.now();
  let rounds = 0;
  let refused = 0;
  while (rounds < 20 || performance.now() - startedMs < 2500) {
    try {
      run(rounds);
    } catch (error) {
      // To be refused with an error of ours is as good as to get through.
      if (!(error instanceof StoreError)) throw error;
      refused += 1;
    }
    rounds += 1;
  }
  const swaps = await swapper.stop();
  assert.ok(swaps > swapsPerRound * rounds, `only ${swaps} swaps in ${rounds} rounds`);
  assert.ok(refused < rounds, `all ${rounds} rounds were refused`);
}

describe("a directory swapped with a symlink to a place outside, all the time", { skip }, () => {
  test("never brings a file from outside into a snapshot", async (t) => {
    const { engine, source, place } = makeStore(t);
    const outside = `${place}/outside`;
    mkdirSync(`${outside}/inner`, { recursive: true });
    for (const path of ["canary", "inner/canary"]) writeFileSync(`${outside}/${path}`, "secret");
    mkdirSync(`${source}/directory/inner`, { recursive: true });
    for (const path of ["own", "inner/own"]) writeFileSync(`${source}/directory/${path}`, "own");
    await underAttack(`${source}/directory`, { link: `${place}/link`, outside }, (round) => {
      const name = `round-${round}`;
      engine.directories.snapshot({}, source, { name });
      engine.directories.restore({}, name, `${place}/restored`, { delete: true });
      const canaries = manifest(`${place}/restored`).filter((line) => line.includes("canary"));
      assert.deepEqual(canaries, [], name);
      engine.directories.deleteSnapshot({}, name);
    });
    assert.deepEqual(findings(engine), []);
  });

  test("never makes a restore touch anything outside", async (t) => {
    const { engine, source, place } = makeStore(t);
    mkdirSync(`${source}/directory/inner`, { recursive: true });
    for (const path of ["canary", "inner/canary", "new"]) {
      writeFileSync(`${source}/directory/${path}`, "from the snapshot");
    }
    engine.directories.snapshot({}, source, { name: "good" });
    const outside = `${place}/outside`;
    mkdirSync(`${outside}/inner`, { recursive: true });
    for (const path of ["canary", "inner/canary", "extra"]) writeFileSync(`${outside}/${path}`, "precious");
    const state = (): unknown => [manifest(outside), statSync(outside).ctimeMs, readdirSync(outside)];
    const before = state();

    const target = `${place}/target`;
    mkdirSync(`${target}/directory`, { recursive: true });
    const ways = [{}, { delete: true }, { paths: [Buffer.from("directory/inner/canary")] }];
    await underAttack(`${target}/directory`, { link: `${place}/link`, outside }, (round) => {
      engine.directories.restore({}, "good", target, ways[round % ways.length] as object);
    });
    assert.deepEqual(state(), before);
  });
});
