/**
 * Random operations on mounted disks, against copies that rsync made of what the mount showed: whatever a disk showed when
 * a snapshot was taken, it must show again after a restore or in a clone.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test, type TestContext } from "node:test";
import {
  assertLikeCopy,
  copyOf,
  isRoot,
  manifestOf,
  newBench,
  noOverlay,
  noRsync,
  onDisk,
  type Bench,
} from "./mounted.js";
import { Random, seedOfRun } from "../random.js";

const changesPerRound = 12;

/** One shell command that changes something; it may fail, as commands of users do. */
function randomChange(random: Random): string {
  const below = (limit: number): number => random.below(limit);
  const name = (): string => random.pick(["a", "b", "c", "d d", "é"]);
  const path = (): string => Array.from({ length: 1 + below(3) }, name).join("/");
  const one = `'${path()}'`;
  const other = `'${path()}'`;
  // Without privilege the store itself cannot look into what its owner may not; that is for the engine in a namespace.
  const modes = isRoot ? ["600", "755", "4755", "2711", "1777", "000"] : ["755", "700", "4755", "1777"];
  const kinds: (() => string)[] = [
    () => `mkdir -p ${one}`,
    () => `mkdir -p ${one}`,
    () => `test ! -p ${one} && echo ${below(1e9)} >${one}`,
    () => `test ! -p ${one} && echo ${below(1e9)} >>${one}`,
    () => `test ! -p ${one} && seq ${below(30000)} >${one}`,
    () => `truncate -s ${below(200000)} ${one}`,
    () => `rm -rf ${one}`,
    () => `rm -rf ${one} && mkdir ${one}`,
    () => `rm -rf ${one} && echo file >${one}`,
    () => `ln ${one} ${other}`,
    () => `ln ${one} ${other}`,
    () => `ln -sfn ${other} ${one}`,
    () => `mkfifo ${one}`,
    () => `mv -T ${one} ${other}`,
    () => `cp -a ${one} ${other}`,
    () => `chmod ${random.pick(modes)} ${one}`,
    () => `touch -h -d @${below(2e9)}.${below(1e9)} ${one}`,
    () => `setfattr -n user.${name().replace(" ", "")} -v ${below(100)} ${one}`,
    () => `setfattr -n user.overlay.${random.pick(["opaque", "whiteout", "redirect"])} -v y ${one}`,
    () => `setfattr -n user.overlay.overlay.opaque -v y ${one}`,
    () => `mknod ${one} c 0 0`,
    () => `chmod 7${below(8)}${below(8)} .`,
  ];
  return random.pick(kinds)();
}

function randomChanges(random: Random): string {
  const commands = Array.from({ length: changesPerRound }, () => randomChange(random));
  return commands.map((command) => `{ ${command}; } 2>/dev/null || true`).join("\n");
}

const skip = noOverlay || noRsync;

void test("whatever a disk showed, it shows again", { skip }, (t) => {
  showAgain(t, newBench(t), 14);
});

void test("so it does when its layers are merged over and over", { skip }, (t) => {
  showAgain(t, newBench(t, 3), 8);
});

function showAgain(t: TestContext, bench: Bench, rounds: number): void {
  const seed = seedOfRun();
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  bench.disks.create({ id: "d0" });
  const ids = ["d0"];
  const states: { disk: string; name: string; copy: string; manifest: string }[] = [];
  for (let round = 0; round < rounds; round++) {
    const context = `seed ${seed}, round ${round}`;
    const disk = random.pick(ids);
    onDisk(bench, disk, randomChanges(random));
    const shown = manifestOf(bench, disk);
    const name = `s${round}`;
    const choice = random.below(4);
    if (choice === 0) {
      const clone = `d${ids.length}`;
      bench.disks.clone(disk, { id: clone });
      ids.push(clone);
      assert.equal(manifestOf(bench, clone), shown, `${context}: clone`);
    }
    const { problems } = bench.disks.snapshot(disk, { name });
    assert.deepEqual(problems, [], context);
    assert.equal(manifestOf(bench, disk), shown, `${context}: snapshot`);
    states.push({ disk, name, copy: copyOf(bench, t, disk), manifest: shown });
    if (random.below(3) === 0) bench.disks.sweepLayers();
    if (random.below(4) === 0) {
      for (const layer of fs.readdirSync(`${bench.root}/layers`)) {
        if (random.below(2) === 0) fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
      }
    }
    const back = random.pick(states);
    if (choice < 3) {
      onDisk(bench, back.disk, randomChanges(random));
      assert.deepEqual(
        bench.disks.restore(back.disk, back.name, { undo: choice === 2 }).problems,
        [],
        context,
      );
      assert.equal(manifestOf(bench, back.disk), back.manifest, `${context}: restore of ${back.name}`);
      assertLikeCopy(bench, back.disk, back.copy);
    } else {
      const clone = `d${ids.length}`;
      bench.disks.clone(back.disk, { id: clone, snapshot: back.name });
      ids.push(clone);
      assert.equal(manifestOf(bench, clone), back.manifest, `${context}: clone of ${back.name}`);
      assertLikeCopy(bench, clone, back.copy);
    }
  }
}
