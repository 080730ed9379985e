import assert from "node:assert/strict";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { capture, Runtime, RuntimeError, type Session } from "../../src/index.js";
import { stateOf } from "../../src/session/processes.js";
import { noSandbox } from "../support/available.js";
import { Fixture, HOST_UID, hostUser, makeDisk, runIn, runsAsRoot, sandboxUid } from "../support/fixture.js";
import { eventually, hostProcesses, openDescriptors, processesWith } from "../support/host.js";

/** The state letter, or that of the dead for a process that is gone meanwhile. */
function stateIn(stat: string): string {
  try {
    return stateOf(readFileSync(stat, "latin1"));
  } catch {
    return "X";
  }
}

describe("a session", { skip: noSandbox }, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.open();
  });
  after(() => fixture[Symbol.asyncDispose]());

  for (const driver of ["overlay", "directory"] as const) {
    it(`keeps the files of a disk with driver ${driver}, owned by the host user`, async () => {
      const disk = fixture.disk(driver);
      const first = await fixture.session({ mount: disk.mount });
      await runIn(first, "mkdir a && echo one > a/b && ln -s b a/c && echo home > ~/note && chmod 751 a");
      await first.end();
      const stat = lstatSync(join(disk.tree, "workspace/a/b"));
      assert.deepEqual([stat.uid, stat.gid], [sandboxUid, runsAsRoot ? HOST_UID : process.getgid?.()]);
      assert.equal(readFileSync(join(disk.tree, "home/chaser/note"), "utf8"), "home\n");
      const second = await fixture.session({ mount: disk.mount });
      const { text } = await runIn(second, "cat a/c ~/note; stat -c %a a; stat -c %U:%G a/b");
      assert.equal(text, "one\nhome\n751\nchaser:chaser\n");
      await second.end();
    });
  }

  it("runs below a directory of any name", async () => {
    const directory = join(fixture.directory, "a b\tc\nd\\e#\"',:\\040$(id)`id`ä");
    mkdirSync(directory, { mode: 0o711 });
    const { mount } = makeDisk(directory, "disk");
    await using runtime = await Runtime.open({ runDirectory: join(directory, "run") });
    const session = await runtime.startSession({ id: "any", mount, ...hostUser });
    const { text } = await runIn(
      session,
      "echo s > /dev/shm/f; echo t > /tmp/f; cat /dev/shm/f /tmp/f; echo $$",
    );
    assert.match(text, /^s\nt\n\d+\n$/);
    assert.match((await runIn(session, "stat -c '%a %u' /tmp /dev/shm")).text, /^1777 1000\n1777 1000\n$/);
    await session.end();
  });

  it("reads lower layers, and hides what it deletes", async () => {
    const disk = fixture.disk();
    assert.equal(disk.mount.driver, "overlay");
    if (disk.mount.driver !== "overlay") return;
    const layer = join(disk.mount.layersDir, "layer");
    for (const path of ["", "workspace", "home", "home/chaser"]) {
      mkdirSync(join(layer, path));
      if (runsAsRoot) chownSync(join(layer, path), HOST_UID, HOST_UID);
    }
    for (const name of ["kept", "deleted"]) {
      writeFileSync(join(layer, "workspace", name), name);
      if (runsAsRoot) chownSync(join(layer, "workspace", name), HOST_UID, HOST_UID);
    }
    const session = await fixture.session({ mount: { ...disk.mount, lower: ["layer", "empty"] } });
    assert.equal(
      (await runIn(session, "rm deleted; echo more >> kept; ls; cat kept")).text,
      "kept\nkeptmore\n",
    );
    await session.end();
    assert.equal(readFileSync(join(layer, "workspace/kept"), "utf8"), "kept");
    assert.ok(lstatSync(join(disk.tree, "workspace/deleted")).isCharacterDevice());
  });

  it("shares /tmp and /dev/shm between commands, and leaves nothing of them", async () => {
    const session = await fixture.session();
    await runIn(session, "echo t > /tmp/file; echo s > /dev/shm/file; chmod 600 /tmp/file");
    assert.equal((await runIn(session, "cat /tmp/file /dev/shm/file /var/tmp/file")).text, "t\ns\nt\n");
    await session.end();
    const next = await fixture.session();
    assert.equal((await runIn(next, "ls -A /tmp /dev/shm")).text, "/dev/shm:\n\n/tmp:\n");
    await next.end();
  });

  it(
    "has a loopback of its own between its commands",
    { skip: !existsSync("/usr/bin/perl") && "no perl" },
    async () => {
      const session = await fixture.session();
      const server = await session.exec({
        command: [
          "perl",
          "-MIO::Socket::INET",
          "-e",
          '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:8000") or die; $| = 1; print "up\n"; $c = $s->accept; print $c "hello\n"',
        ],
      });
      await new Promise((resolve) => server.stdout.once("data", resolve));
      const client = 'print IO::Socket::INET->new("127.0.0.1:8000")->getline';
      assert.equal((await runIn(session, ["perl", "-MIO::Socket::INET", "-e", client])).text, "hello\n");
      await session.end();
    },
  );

  it("has its host name", async () => {
    const session = await fixture.session({ hostname: "workbench" });
    const { text } = await runIn(session, "hostname; grep -c workbench /etc/hosts; getent hosts workbench");
    assert.match(text, /^workbench\n1\n127\.0\.0\.1 .*workbench\n$/);
    await session.end();
  });

  it("ends with everything that runs in it, daemons included", async () => {
    const session = await fixture.session();
    const marker = `${String(process.pid)}${String(Date.now())}`;
    await runIn(
      session,
      `for i in 1 2 3; do setsid -f sh -c 'trap "" TERM HUP; sleep 1${marker}'; done; sleep 0.2`,
    );
    const execution = await session.exec({ command: `echo up; sleep 2${marker}` });
    await new Promise((resolve) => execution.stdout.once("data", resolve));
    assert.ok(await eventually(() => processesWith(marker).length >= 3));
    await session.end();
    assert.deepEqual(processesWith(marker), []);
    assert.equal((await execution.completed).signal, "SIGKILL");
    assert.equal(fixture.runtime.sessions().includes(session), false);
    await session.end();
    await assert.rejects(session.exec({ command: "true" }), { code: "session_ended" });
    assert.deepEqual(readdirSync(join(fixture.directory, "run/sessions")), []);
  });

  it("can be ended while commands start", async () => {
    for (let round = 0; round < 10; round++) {
      const session = await fixture.session();
      const starts = Array.from({ length: 8 }, () => session.exec({ command: "sleep 1000" }));
      await delay(round * 3);
      await session.end();
      for (const start of starts) {
        const execution = await start;
        const ending = await capture(execution).then(
          ({ signal }) => signal,
          (error: unknown) => (error as RuntimeError).code,
        );
        assert.ok(ending === "SIGKILL" || ending === "session_ended", String(ending));
      }
    }
  });

  it("notices when its keeper is killed", async () => {
    const session = await fixture.session();
    const execution = await session.exec({ command: "echo up; exec sleep 1000" });
    await new Promise((resolve) => execution.stdout.once("data", resolve));
    const keepers = processesWith("/usr/bin/env --ignore-signal=CHLD").filter(
      ({ parent }) => parent === process.pid,
    );
    assert.equal(keepers.length, 1);
    process.kill(keepers[0]?.pid ?? 0, "SIGKILL");
    await session.ended;
    assert.equal((await execution.completed).signal, "SIGKILL");
    await assert.rejects(session.exec({ command: "true" }), { code: "session_ended" });
  });

  it("survives what its own processes do to PID 1", async () => {
    const session = await fixture.session();
    await runIn(session, "for s in 1 2 3 9 15 19; do kill -$s 1; done; kill -9 -1");
    assert.equal((await runIn(session, "echo alive")).text, "alive\n");
    await session.end();
  });

  it("stands still while it is paused", async () => {
    const session = await fixture.session();
    const writer = "i=0; while :; do i=$((i+1)); echo $i > count; (true &); done";
    const executions = await Promise.all(
      [1, 2, 3].map(() => session.exec({ command: `mkdir -p $$; cd $$; ${writer}` })),
    );
    const disk = fixture.disk();
    await delay(200);
    await session.pause();
    await session.pause();
    const proc = `/proc/${String(keeperOf())}/root${join(fixture.directory, "run/sessions", session.id, "state/proc")}`;
    const running = (): string[] =>
      readdirSync(proc)
        .filter((name) => /^\d+$/.test(name) && name !== "1")
        .map((pid) => stateIn(`${proc}/${pid}/stat`))
        .filter((state) => !"TZX".includes(state));
    assert.deepEqual(running(), []);
    let late = "waiting";
    const command = runIn(session, "echo late").then(() => (late = "done"));
    await delay(100);
    assert.equal(late, "waiting");
    await session.resume();
    assert.deepEqual(running(), []);
    await session.resume();
    await command;
    assert.ok(running().length > 0);
    await session.end();
    assert.ok(disk);
    for (const execution of executions) assert.equal((await execution.completed).signal, "SIGKILL");

    function keeperOf(): number {
      const found = processesWith("/usr/bin/env --ignore-signal=CHLD").find(
        ({ parent }) => parent === process.pid,
      );
      assert.ok(found);
      return found.pid;
    }
  });

  it("catches commands that are just starting when it pauses", async () => {
    const session = await fixture.session();
    for (let round = 0; round < 10; round++) {
      const started = Promise.all(
        [1, 2, 3, 4].map(() => runIn(session, "echo x >> log; sleep 0.02; echo x >> log")),
      );
      await delay(round);
      await session.pause();
      const size = async (): Promise<number> => lstatSync(await logFile()).size;
      const before = existsSync(await logFile()) ? await size() : 0;
      await delay(40);
      assert.equal(existsSync(await logFile()) ? await size() : 0, before);
      await session.resume();
      await started;
    }
    await session.end();

    function logFile(): Promise<string> {
      const found = readdirSync(fixture.directory)
        .filter((name) => name.startsWith("disk-"))
        .map((name) => join(fixture.directory, name, "upper/workspace/log"));
      return Promise.resolve(found.at(-1) ?? "");
    }
  });

  it("is refused on a disk whose directories are links", async () => {
    for (const path of ["workspace", "home", "home/chaser"]) {
      const disk = fixture.disk();
      rmSync(join(disk.tree, path), { recursive: true });
      symlinkSync("/etc", join(disk.tree, path));
      await assert.rejects(fixture.session({ mount: disk.mount }), { code: "sandbox_unavailable" });
    }
  });

  it("leaves nothing behind when its disk cannot be mounted", async () => {
    const disk = fixture.disk();
    renameSync(disk.tree, `${disk.tree}-gone`);
    const descriptors = openDescriptors();
    await assert.rejects(fixture.session({ mount: disk.mount, id: "broken" }), (error: unknown) => {
      assert.ok(error instanceof RuntimeError);
      assert.equal(error.code, "sandbox_unavailable");
      return true;
    });
    assert.equal(existsSync(join(fixture.directory, "run/sessions/broken")), false);
    assert.ok(await eventually(() => openDescriptors() <= descriptors));
  });

  it("is refused when its spec cannot work", async () => {
    const mount = fixture.disk().mount;
    const cases: [Partial<Parameters<Runtime["startSession"]>[0]>, string][] = [
      [{ id: "Upper" }, "invalid_argument"],
      [{ id: "../x" }, "invalid_argument"],
      [{ id: "" }, "invalid_argument"],
      [{ hostname: "a b" }, "invalid_argument"],
      [{ env: { "A B": "" } }, "invalid_argument"],
      [{ limits: { maxProcesses: 0 } }, "invalid_argument"],
      [{ network: "host" }, "network_not_allowed"],
      [{ hostUid: 0 }, "invalid_argument"],
      [
        { mount: { driver: "overlay", layersDir: "/l", lower: ["a:b"], upper: "/u", work: "/w" } },
        "invalid_argument",
      ],
    ];
    for (const [spec, code] of cases) {
      await assert.rejects(fixture.session({ mount, ...spec }), { code }, JSON.stringify(spec));
    }
  });

  it("is for the main thread: what it starts would end with another, and tell nobody of its end", async () => {
    const library = JSON.stringify(new URL("../../src/index.js", import.meta.url).href);
    const open = `import(${library}).then(({ Runtime }) => Runtime.open({ runDirectory: "/nowhere" })).catch(tell)`;
    const script = `const tell = ({ code }) => require("worker_threads").parentPort.postMessage(code); ${open}`;
    const [code] = (await once(new Worker(script, { eval: true }), "message")) as [unknown];
    assert.equal(code, "sandbox_unavailable");
  });

  it("exists once", async () => {
    const mount = fixture.disk().mount;
    const starts = [1, 2, 3].map(() => fixture.runtime.startSession({ id: "one", mount, ...hostUser }));
    const settled = await Promise.allSettled(starts);
    assert.deepEqual(settled.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
    const session = settled.find(
      (result): result is PromiseFulfilledResult<Session> => result.status === "fulfilled",
    );
    await session?.value.end();
    const again = await fixture.runtime.startSession({ id: "one", mount, ...hostUser });
    await again.end();
  });

  it("starts 20 at once, and their end leaves no process", async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => fixture.session()));
    const results = await Promise.all(sessions.map((session) => runIn(session, "echo $$")));
    assert.ok(results.every(({ exitCode }) => exitCode === 0));
    await Promise.all(sessions.map((session) => session.end()));
    assert.ok(await eventually(() => !hostProcesses().some(({ parent }) => parent === process.pid)));
  });
});
