/**
 * Very many random operations on mounted disks, each followed on a plain directory that gets the same; snapshots, clones,
 * restores and evictions in between, at random. Whatever happens, a disk shows what its directory shows.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { DiskDriver } from "../../src/api.js";
import { layersMax } from "../../src/limits.js";
import { Random, seedOfRun } from "../random.js";
import { depth } from "../simulation/share.js";
import { randomOperation, type NumberedOperation } from "./model/operations.js";
import {
  isRoot,
  newBench,
  noOverlay,
  removeDirectory,
  runMounted,
  temporaryDirectory,
  withoutSyncs,
  type Bench,
} from "./mounted.js";

const program = fileURLToPath(new URL("./model/program.js", import.meta.url));
const operationsPerRound = 120;
// Without privilege the store itself cannot look into what its owner may not; that is for the engine in a namespace.
const modes = isRoot ? [0o600, 0o755, 0o4755, 0o2711, 0o1777, 0o000] : [0o755, 0o700, 0o4755, 0o2711, 0o1777];

void test(
  "overlay: a disk shows what a directory shows that got the same operations",
  { skip: noOverlay },
  (t) => {
    new Model(t, newBench(t, layersMax, withoutSyncs), "overlay").run(5 * depth);
  },
);

void test("overlay: so it does when its layers are merged over and over", { skip: noOverlay }, (t) => {
  new Model(t, newBench(t, 3, withoutSyncs), "overlay").run(4 * depth);
});

void test(
  "directory: a disk shows what a directory shows that got the same operations",
  { skip: noOverlay },
  (t) => {
    new Model(t, newBench(t, layersMax, withoutSyncs), "directory").run(3 * depth);
  },
);

interface Kept {
  disk: string;
  name: string;
  copy: string;
}

class Model {
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #directory: string;
  /** Directories with what each disk shows. */
  readonly #twins = new Map<string, string>();
  readonly #kept: Kept[] = [];
  #made = 0;
  #operations = 0;
  readonly #context: () => string;

  constructor(t: TestContext, bench: Bench, driver: DiskDriver) {
    const seed = seedOfRun();
    t.diagnostic(`seed ${seed}`);
    this.#bench = bench;
    this.#random = new Random(seed);
    this.#directory = temporaryDirectory();
    t.after(() => removeDirectory(this.#directory));
    bench.disks.create({ id: "d0", driver });
    const first = path.join(this.#directory, "first");
    fs.mkdirSync(first, { mode: 0o755 });
    this.#twins.set("d0", first);
    // The only thing that the two cannot have in common by themselves.
    const mount = bench.disks.attach("d0");
    const files = mount.driver === "directory" ? mount.path : mount.upper;
    fs.utimesSync(files, 1, 1);
    fs.utimesSync(first, 1, 1);
    bench.disks.detach("d0");
    this.#context = () => `seed ${seed}, operation ${this.#operations}`;
  }

  run(rounds: number): void {
    const random = this.#random;
    for (let round = 0; round < rounds; round++) {
      const disk = random.pick([...this.#twins.keys()]);
      this.#work(disk, { live: random.chance(0.3) });
      this.#snapshot(disk, `s${round}`);
      if (random.chance(0.3)) this.#bench.disks.sweepLayers();
      if (random.chance(0.3)) this.#forgetTrees(0.5);
      random.pick([
        () => this.#clone(disk),
        () => this.#cloneSnapshot(random.pick(this.#kept)),
        () => this.#restore(random.pick(this.#kept)),
        () => this.#restore(random.pick(this.#kept)),
        () => this.#delete(disk),
      ])();
    }
    // From here on by what the trees say alone.
    for (let n = 0; n < 5; n++) {
      this.#forgetTrees(1);
      this.#restore(random.pick(this.#kept));
    }
    for (const disk of this.#twins.keys()) this.#compare(disk);
  }

  /** `live`: also takes a snapshot while the disk is attached, and changes more after it. */
  #work(disk: string, { live }: { live: boolean }): void {
    const { disks } = this.#bench;
    const mount = disks.attach(disk);
    try {
      this.#mounted(disk, mount, this.#someOperations());
      this.#mounted(disk, mount, []);
      if (!live) return;
      const name = `live${this.#operations}`;
      const { snapshot, problems } = disks.snapshot(disk, { name, live: true });
      assert.deepEqual(problems, [], this.#context());
      assert.equal(snapshot.consistency, "live");
      this.#keep(disk, name);
      this.#mounted(disk, mount, this.#someOperations());
    } finally {
      disks.detach(disk);
    }
  }

  #someOperations(): NumberedOperation[] {
    return Array.from({ length: operationsPerRound }, () => ({
      ...randomOperation(this.#random, modes),
      number: ++this.#operations,
    }));
  }

  #compare(disk: string): void {
    const mount = this.#bench.disks.attach(disk);
    try {
      this.#mounted(disk, mount, []);
    } finally {
      this.#bench.disks.detach(disk);
    }
  }

  #mounted(disk: string, mount: ReturnType<Bench["disks"]["attach"]>, operations: NumberedOperation[]): void {
    const file = path.join(this.#directory, "operations.json");
    fs.writeFileSync(file, JSON.stringify(operations));
    const twin = this.#twins.get(disk) as string;
    try {
      runMounted(mount, `"${process.execPath}" "${program}" "$PWD" "${twin}" "${file}"`);
    } catch (error) {
      throw new Error(`${this.#context()}, disk ${disk}`, { cause: error });
    }
    assert.equal(
      this.#bench.disks.logicalBytes(disk),
      lengthOfFiles(twin),
      `${this.#context()}, disk ${disk}`,
    );
  }

  #snapshot(disk: string, name: string): void {
    assert.deepEqual(this.#bench.disks.snapshot(disk, { name }).problems, [], this.#context());
    this.#keep(disk, name);
  }

  #keep(disk: string, name: string): void {
    this.#kept.push({ disk, name, copy: this.#copy(this.#twins.get(disk) as string) });
  }

  #clone(disk: string): void {
    const id = `d${++this.#made}`;
    this.#bench.disks.clone(disk, { id });
    this.#twins.set(id, this.#copy(this.#twins.get(disk) as string));
    this.#compare(id);
  }

  #cloneSnapshot({ disk, name, copy }: Kept): void {
    const id = `d${++this.#made}`;
    this.#bench.disks.clone(disk, { id, snapshot: name });
    this.#twins.set(id, this.#copy(copy));
    this.#compare(id);
  }

  #restore({ disk, name, copy }: Kept): void {
    const undo = this.#random.chance(0.3);
    assert.deepEqual(this.#bench.disks.restore(disk, name, { undo }).problems, [], this.#context());
    removeDirectory(this.#twins.get(disk) as string);
    this.#twins.set(disk, this.#copy(copy));
    this.#compare(disk);
  }

  /** Never the last one. */
  #delete(disk: string): void {
    if (this.#twins.size < 2) return;
    this.#bench.disks.delete(disk);
    this.#twins.delete(disk);
    for (let n = this.#kept.length - 1; n >= 0; n--)
      if (this.#kept[n]?.disk === disk) this.#kept.splice(n, 1);
    if (this.#kept.length === 0)
      this.#snapshot([...this.#twins.keys()][0] as string, `after${this.#operations}`);
  }

  #forgetTrees(share: number): void {
    for (const layer of fs.readdirSync(`${this.#bench.root}/layers`)) {
      if (this.#random.chance(share)) fs.rmSync(`${this.#bench.root}/layers/${layer}/tree`, { force: true });
    }
  }

  #copy(from: string): string {
    const to = path.join(this.#directory, `copy${++this.#made}`);
    const copied = spawnSync("cp", ["-a", "-T", "--", from, to], { encoding: "utf8" });
    assert.equal(copied.status, 0, copied.stderr);
    return to;
  }
}

/** Of a directory where nothing is hidden from this user. */
function lengthOfFiles(directory: string): number {
  const found = spawnSync("find", [directory, "-type", "f", "-printf", "%s\\n"], { encoding: "utf8" });
  assert.equal(found.status, 0, found.stderr);
  return found.stdout.split("\n").reduce((total, size) => total + Number(size), 0);
}
