import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import type { Progress } from "../../src/api.js";
import { Engine } from "../../src/engine/engine.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import { withFlip } from "../pack/made-pack.js";
import { Random, seedOfRun } from "../random.js";
import { makeStore } from "./made-store.js";
import { manifest } from "./nasty-tree.js";

const directories = 800;
const filesEach = 3;
const isRoot = process.getuid?.() === 0;

/** A snapshot "large" of so much that a restore leaves some of the files to threads. */
function makeLarge(t: TestContext) {
  const { place, root, source } = makeStore(t);
  const engine = Engine.open(linuxFiles, root, { create: false, withThreads: true });
  t.after(() => engine.close());
  const random = new Random(seedOfRun());
  for (let d = 0; d < directories; d++) {
    const directory = `${source}/${d}`;
    mkdirSync(directory);
    for (let n = 0; n < filesEach; n++) {
      const mode = [0o644, 0o755, 0o444][n] as number;
      writeFileSync(`${directory}/${n}`, random.bytes(random.below(2000)), { mode });
    }
    linkSync(`${directory}/0`, `${directory}/linked`);
    symlinkSync("0", `${directory}/symlink`);
    truncateSync(`${directory}/1`, 200_000);
    utimesSync(directory, d, d);
  }
  const { files } = engine.directories.snapshot({}, source, { name: "large" }).snapshot;
  return { engine, place, root, source, files, target: `${place}/restored` };
}

function threadsNow(): number {
  return readdirSync("/proc/self/task").length;
}

/** What is open under a directory, when threads have had the moment that they take to close what they opened. */
async function openUnder(place: string): Promise<string[]> {
  const open = (): string[] =>
    readdirSync("/proc/self/fd")
      .map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return "";
        }
      })
      .filter((path) => path.startsWith(place));
  for (let round = 0; round < 6000 && open().length > 0; round++) await sleep(10);
  return open();
}

describe("a restore of many files", () => {
  test("leaves some to threads, and gives what one thread would", async (t) => {
    const { engine, source, target, files, place } = makeLarge(t);
    const threadsBefore = threadsNow();
    let threadsMost = 0;
    let last: Progress | null = null;
    const onProgress = (progress: Progress): void => {
      if (progress.files % 50 === 0) threadsMost = Math.max(threadsMost, threadsNow());
      last = { ...progress };
    };
    const result = engine.directories.restore({ onProgress }, "large", target, {});
    assert.equal(threadsMost > threadsBefore, availableParallelism() > 1);
    assert.deepEqual(manifest(target), manifest(source));
    assert.deepEqual(result.problems, []);
    assert.deepEqual([result.created, result.changed], [files + directories, 0]);
    assert.ok(((last as Progress | null)?.files ?? 0) >= files - 1);
    assert.equal((last as Progress | null)?.bytes, result.writtenBytes);
    engine.directories.snapshot({}, target, { name: "again" });
    assert.equal(
      engine.directories.getSnapshot({}, "again").tree,
      engine.directories.getSnapshot({}, "large").tree,
    );
    engine.close();
    assert.deepEqual(await openUnder(place), []);
  });

  test("gives each file to its owner, or says of each that it may not", (t) => {
    const { engine, target, files } = makeLarge(t);
    const shift = [{ tree: 0, host: 100_000, count: 65_536 }];
    const { problems } = engine.directories.restore({}, "large", target, {
      idMap: { uids: shift, gids: shift },
    });
    if (isRoot) {
      assert.deepEqual(problems, []);
      const others = manifest(target).filter((line) => line !== "" && !line.includes(" 100000:100000 "));
      assert.deepEqual(others, []);
      return;
    }
    const linked = directories;
    const told = problems.slice(0, -1).map(({ path }) => Buffer.from(path).toString());
    assert.equal(new Set(told).size, 1000);
    assert.ok(told.every((path) => existsSync(`${target}/${path}`)));
    assert.equal(problems.at(-1)?.message, `${files - linked + directories + 1 - 1000} more problems`);
  });

  test("stops everywhere when its caller wants no more", async (t) => {
    const { engine, target, files, place } = makeLarge(t);
    let done = 0;
    const hooks = {
      isAborted: () => done > files * 0.4,
      onProgress: (progress: Progress) => (done = progress.files),
    };
    assert.throws(() => engine.directories.restore(hooks, "large", target, {}), withCode("aborted"));
    const made = manifest(target).length;
    assert.ok(made > files * 0.4 && made < files, `${made} of ${files + directories} are there`);
    engine.close();
    assert.deepEqual(await openUnder(place), []);
    assert.equal(manifest(target).length, made);
  });

  test("fails at its end when a thread meets what is damaged, and can be run again", async (t) => {
    const { engine, source, files, target, root, place } = makeLarge(t);
    const packs = readdirSync(`${root}/packs`).map((name) => `${root}/packs/${name}`);
    const sizes = packs.map((path) => statSync(path).size);
    const largest = packs[sizes.indexOf(Math.max(...sizes))] as string;
    withFlip(largest, Math.floor(Math.max(...sizes) * 0.8), 1, () => {
      assert.throws(() => engine.directories.restore({}, "large", target, {}), withCode("corrupt"));
    });
    // One frame holds 256 KiB at most, and the files have some kilobyte each.
    const made = manifest(target).length;
    assert.ok(made > (files + directories) / 2 && made < files + directories, `${made} are there`);
    assert.deepEqual(await openUnder(target), []);
    engine.directories.restore({}, "large", target, {});
    assert.deepEqual(manifest(target), manifest(source));
    engine.close();
    assert.deepEqual(await openUnder(place), []);
  });
});
