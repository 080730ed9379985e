import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import type { EngineHost, OpenStoreOptions, Store } from "../src/api.js";
import { openStore } from "../src/store.js";
import { withCode } from "./errors.js";
import { ended, startProgram } from "./program.js";
import { Random, seedOfRun } from "./random.js";
import { temporaryDirectory } from "./temporary.js";

const isRoot = process.getuid?.() === 0;
const withoutNamespace =
  spawnSync("unshare", ["--user", "--map-current-user", "--keep-caps", "true"]).status !== 0 &&
  "user namespaces are not available";

const hosts: [name: string, host: EngineHost, skip: string | false][] = [
  ["a thread", { kind: "thread" }, false],
  ["a process", { kind: "process" }, withoutNamespace],
];

function makeFiles(directory: string, count: number, bytes = 3000, seed = seedOfRun()): void {
  mkdirSync(directory, { recursive: true });
  const random = new Random(seed);
  for (let n = 0; n < count; n++) writeFileSync(`${directory}/${n}`, random.bytes(bytes));
}

async function open(t: TestContext, root: string, options: OpenStoreOptions = {}): Promise<Store> {
  const store = await openStore(root, { create: true, ...options });
  t.after(() => store.close());
  return store;
}

for (const [name, host, skip] of hosts) {
  describe(`a store with its engine in ${name}`, { skip }, () => {
    test("snapshots, lists, restores, checks and deletes", async (t) => {
      const place = temporaryDirectory(t);
      makeFiles(`${place}/source`, 20);
      const store = await open(t, `${place}/store`, { host });
      const { snapshot, problems } = await store.snapshot(`${place}/source`, {
        name: "one",
        comment: "first",
      });
      assert.deepEqual(problems, []);
      assert.equal(snapshot.files, 20);
      assert.deepEqual(await store.snapshots(), [snapshot]);
      assert.deepEqual(await store.getSnapshot(snapshot.id), snapshot);
      const restored = await store.restore("one", `${place}/restored`);
      assert.equal(restored.created, 20);
      assert.deepEqual(readFileSync(`${place}/restored/7`), readFileSync(`${place}/source/7`));
      assert.ok((await store.fsck({ readData: true })).ok);
      assert.ok((await store.deleteSnapshot("one")).freedBytes > 20 * 3000);
      assert.deepEqual(await store.snapshots(), []);
    });

    test("can be stopped in the middle, and goes on working", async (t) => {
      const place = temporaryDirectory(t);
      makeFiles(`${place}/source`, 3000, 500);
      const store = await open(t, `${place}/store`, { host });
      const stop = new AbortController();
      const progress = (): void => stop.abort();
      const stopped = store.snapshot(`${place}/source`, {
        name: "stopped",
        signal: stop.signal,
        onProgress: progress,
      });
      const waiting = store.snapshot(`${place}/source`, { name: "waiting", signal: stop.signal });
      await Promise.all([stopped, waiting].map((call) => assert.rejects(call, withCode("aborted"))));
      await assert.rejects(store.snapshot(`${place}/source`, { signal: stop.signal }), withCode("aborted"));
      assert.deepEqual(await store.snapshots(), []);
      await store.snapshot(`${place}/source`, { name: "whole" });
      assert.ok((await store.fsck({ readData: true })).ok);
    });

    test("tells its errors by code, with values", async (t) => {
      const place = temporaryDirectory(t);
      makeFiles(`${place}/source`, 1);
      await assert.rejects(openStore(`${place}/absent`, { host }), withCode("not_a_store"));
      await assert.rejects(
        openStore(`${place}/source`, { host, create: true }),
        withCode("invalid_argument"),
      );
      const store = await open(t, `${place}/store`, { host });
      await assert.rejects(store.getSnapshot("none"), withCode("snapshot_not_found"));
      await assert.rejects(store.snapshot(`${place}/nowhere`), withCode("source_not_found"));
      await assert.rejects(store.snapshot(`${place}/source`, { name: "a/b" }), withCode("invalid_argument"));
      await store.snapshot(`${place}/source`, { name: "Taken" });
      await assert.rejects(
        store.snapshot(`${place}/source`, { name: "tAKEN" }),
        withCode("snapshot_name_taken"),
      );
    });

    test("closes once, and refuses calls from then on", async (t) => {
      const store = await open(t, `${temporaryDirectory(t)}/store`, { host });
      const running = store.fsck();
      await Promise.all([store.close(), store.close(), running.catch(() => undefined)]);
      await assert.rejects(store.snapshots(), withCode("closed"));
    });

    test("does not end a program that waits for it, nor keep one that does not", async (t) => {
      const place = temporaryDirectory(t);
      makeFiles(`${place}/source`, 500);
      const program = startProgram(
        `const store = await openStore(args[0], { create: true, host: JSON.parse(args[2]) });
         console.log((await store.snapshot(args[1])).snapshot.files);`,
        [`${place}/store`, `${place}/source`, JSON.stringify(host)],
      );
      assert.deepEqual(await ended(program), { code: 0, signal: null, stdout: "500\n", stderr: "" });
    });
  });
}

describe("an engine in a process of its own", { skip: withoutNamespace }, () => {
  test("reads what its user owns, whatever the mode; a thread tells what it could not", async (t) => {
    const place = temporaryDirectory(t);
    chmodSync(place, 0o755);
    const uid = isRoot ? 200_001 : (process.getuid?.() ?? 0);
    const identity = isRoot ? { uid, gid: uid } : {};
    makeFiles(`${place}/source`, 3);
    makeFiles(`${place}/source/closed`, 1);
    for (const name of ["store", "restored"]) mkdirSync(`${place}/${name}`);
    if (isRoot) {
      for (const path of ["", "/0", "/1", "/2", "/closed", "/closed/0"])
        chownSync(`${place}/source${path}`, uid, uid);
      for (const name of ["store", "restored"]) chownSync(`${place}/${name}`, uid, uid);
    }
    for (const name of ["1", "closed/0", "closed"]) chmodSync(`${place}/source/${name}`, 0);

    const store = await open(t, `${place}/store`, { host: { kind: "process", ...identity } });
    const { snapshot, problems } = await store.snapshot(`${place}/source`, { name: "all" });
    assert.deepEqual(problems, []);
    assert.equal(snapshot.files, 4);
    const restored = await store.restore("all", `${place}/restored`);
    assert.deepEqual(restored.problems, []);
    const again = await store.snapshot(`${place}/restored`);
    assert.equal(again.snapshot.tree, snapshot.tree);
    if (isRoot) return;
    const inThread = await open(t, `${place}/store`);
    const partly = await inThread.snapshot(`${place}/source`, { name: "partly" });
    assert.deepEqual(
      partly.problems.map(({ code }) => code),
      ["permission_denied", "permission_denied"],
    );
  });
});

describe("several processes on one store", () => {
  const work = `
    const [root, source, name] = args;
    const store = await openStore(root, { create: true });
    for (let n = 0; n < 12; n++) {
      await store.snapshot(source, { name: name + n });
      if (n % 2 === 1) await store.deleteSnapshot(name + (n - 1));
      if (n % 3 === 2) await store.gc();
      await store.snapshots();
    }
    await store.close();`;

  test("write, delete and collect at once, and lose nothing", async (t) => {
    const place = temporaryDirectory(t);
    const names = ["a", "b", "c"];
    for (const [n, name] of names.entries()) makeFiles(`${place}/${name}`, 40, 20_000, 11 + (n >> 1));
    const store = await open(t, `${place}/store`);
    const programs = names.map((name) =>
      ended(startProgram(work, [`${place}/store`, `${place}/${name}`, name])),
    );
    for (const { code, stderr } of await Promise.all(programs)) assert.equal(code, 0, stderr);
    assert.equal((await store.snapshots()).length, 3 * 6);
    assert.deepEqual((await store.fsck({ readData: true })).findings, []);
  });

  test("that take one name at the same moment: exactly one has it", async (t) => {
    const place = temporaryDirectory(t);
    makeFiles(`${place}/source`, 5);
    const store = await open(t, `${place}/store`);
    const race = `
      const store = await openStore(args[0]);
      let won = 0;
      for (let n = 0; n < 20; n++) {
        await store.snapshot(args[1], { name: "race-" + n }).then(() => won++, (error) => {
          if (error.code !== "snapshot_name_taken") throw error;
        });
      }
      console.log(won);
      await store.close();`;
    const programs = [1, 2].map(() => ended(startProgram(race, [`${place}/store`, `${place}/source`])));
    const results = await Promise.all(programs);
    for (const { code, stderr } of results) assert.equal(code, 0, stderr);
    assert.equal(
      results.reduce((total, { stdout }) => total + Number(stdout), 0),
      20,
    );
    assert.equal((await store.snapshots()).length, 20);
  });

  test("killed at any moment: what was acknowledged is there, and the store is whole", async (t) => {
    const place = temporaryDirectory(t);
    makeFiles(`${place}/source`, 200, 20_000);
    const store = await open(t, `${place}/store`);
    const random = new Random(seedOfRun());
    for (let round = 0; round < 12; round++) {
      const program = startProgram(
        `import { writeFileSync } from "node:fs";
         const store = await openStore(args[0]);
         console.log("open");
         for (let n = 0; ; n++) {
           writeFileSync(args[1] + "/changing", args[2] + n);
           const { snapshot } = await store.snapshot(args[1], { name: args[2] + "-" + n });
           console.log("acknowledged " + snapshot.name);
           if (n % 3 === 2) await store.deleteSnapshot(args[2] + "-" + (n - 1));
         }`,
        [`${place}/store`, `${place}/source`, `round-${round}`],
      );
      await new Promise((resolve) => program.stdout?.once("data", resolve));
      const end = ended(program);
      await new Promise((resolve) => setTimeout(resolve, random.below(150)));
      program.kill("SIGKILL");
      const { stdout } = await end;
      const acknowledged = [...stdout.matchAll(/acknowledged (\S+-(\d+))/g)].map((match) => match[1]);
      const present = new Set((await store.snapshots()).map(({ name }) => name));
      // The last one, and every third, are never being deleted.
      const last = acknowledged.at(-1);
      if (last !== undefined) assert.ok(present.has(last), `${last} is lost, seed ${random.seed}`);
      assert.deepEqual((await store.fsck({ readData: round % 4 === 3 })).findings, [], `seed ${random.seed}`);
    }
    await store.gc();
    assert.deepEqual((await store.fsck({ readData: true })).findings, [], `seed ${random.seed}`);
  });
});
