import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import type { Session } from "../../src/index.js";
import { CPU_BUSY_NICE, CPU_CROWD_NICE, CPU_CROWD_PROCESSES } from "../../src/limits.js";
import type { SandboxSession } from "../../src/session/session.js";
import { beyondLimit, niceFor } from "../../src/watch/session-watch.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

const MiB = 1 << 20;

const perl = (script: string): string[] => ["perl", "-e", script];

/** Far more than the runtime's own processes and an idle one have, and soon filled on a busy machine. */
const SESSION_MEMORY_BYTES = 32 * MiB;

const LOOK_AGAIN_MS = 20;

/** Thorough looks one after the other, so that no test waits for the one that would come anyway. */
async function whileLookingAt<Result>(session: Session, work: Promise<Result>): Promise<Result> {
  const looks = setInterval(() => {
    (session as SandboxSession).watch.look(true);
  }, LOOK_AGAIN_MS);
  try {
    return await work;
  } finally {
    clearInterval(looks);
  }
}

function niceOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
}

describe("a session without a control group", { skip: noSandbox }, () => {
  it("is held to its memory as a whole, by the loss of its largest process, and says so", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    const limits = { sessionMemoryBytes: SESSION_MEMORY_BYTES };
    const session = await fixture.session({ limits });
    const other = await fixture.session({ limits });
    assert.equal(session.limits.sessionMemoryBytes.mechanism, "watch");
    const small = await session.exec({ command: "sleep 1000" });
    // The watch's own looks see it: the machine's clock alone.
    const large = await runIn(session, perl('$x = "a" x (64 << 20); sleep 1000'));
    assert.deepEqual([large.signal, large.limitsHit], ["SIGKILL", ["memory"]]);
    assert.deepEqual(session.limitsHit(), ["memory"]);
    assert.deepEqual(other.limitsHit(), []);
    small.kill("SIGKILL");
    assert.deepEqual((await runIn(session, "exit 3")).limitsHit, [], "what is over is over");
    await session.end();
    assert.deepEqual(session.limitsHit(), ["memory"]);
  });

  it("is held to it when no process has much, and when none shows what it has", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    const session = await fixture.session({
      limits: { sessionMemoryBytes: SESSION_MEMORY_BYTES, tmpBytes: MiB },
    });
    const many =
      '@a = map { fork || do { $x = "a" x ($_ * 0 + (16 << 20)); sleep 1000; exit } } 1 .. 3; waitpid $_, 0 for @a; exit 3';
    const spread = await session.exec({ command: perl(many) });
    const isHit = eventually(() => session.limitsHit().includes("memory"), 60_000);
    assert.ok(await whileLookingAt(session, isHit));
    spread.kill("SIGKILL");
    await spread.completed;
    const files =
      'for (1 .. 3) { $n = "x"; open(my $h, ">&=", syscall(319, $n, 0)) or die; push @h, $h; syswrite $h, "a" x (1 << 20) for 1 .. 16 } sleep 1000';
    if (process.arch === "x64") {
      const hidden = await whileLookingAt(session, runIn(session, perl(files), { timeoutMs: 60_000 }));
      assert.deepEqual([hidden.signal, hidden.limitsHit], ["SIGKILL", ["memory"]]);
    }
    const segments =
      'for (1 .. 4) { defined shmget(0, 1 << 19, 01600) or die "refused: $!\n" } print "got it"';
    assert.match((await runIn(session, perl(segments))).text, /refused/);
  });

  it("is held to its descriptors as a whole, by the loss of those that have most", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session({ limits: { sessionOpenFiles: 300 } });
    const few = await session.exec({ command: "sleep 1000" });
    const many = perl('open($h[$_], "<", "/dev/null") or die for 1 .. 400; sleep 1000');
    const { signal, limitsHit } = await runIn(session, many);
    assert.deepEqual([signal, limitsHit], ["SIGKILL", ["open_files"]]);
    assert.deepEqual((await runIn(session, "exit 3")).limitsHit, []);
    few.kill("SIGTERM");
    assert.equal((await few.completed).signal, "SIGTERM", "this one went on");
  });

  it("names the other limits it ran into", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    const session = await fixture.session({
      limits: { maxProcesses: 30, tmpBytes: MiB, fileSizeBytes: 4 * MiB },
    });
    const hits = async (command: string, options = {}): Promise<unknown> =>
      (await runIn(session, command, options)).limitsHit;
    assert.deepEqual(await hits("true"), []);
    assert.deepEqual(await hits("exec head -c 5M /dev/zero > file"), ["file_size"]);
    assert.deepEqual(await hits("head -c 3M /dev/zero > /tmp/full"), ["tmp"]);
    await runIn(session, "rm /tmp/full");
    assert.deepEqual(await hits("yes | head -c 100000", { maxOutputBytes: 10 }), ["output"]);
    assert.deepEqual(await hits("sleep 1000", { timeoutMs: 50 }), ["time"]);
    assert.deepEqual(await hits("for i in $(seq 60); do sleep 1000 & done"), ["processes"]);
  });

  it("gives way to others once it uses much of a processor", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    // A machine that is busy gives a single process little.
    const session = await fixture.session({ limits: { cpuPercent: 1 } });
    const marker = `spin-${String(process.pid)}`;
    const spinning = await session.exec({ command: ["/bin/sh", "-c", "while :; do :; done", marker] });
    const spinner = (): number | undefined =>
      processesWith(marker).find(({ command }) => command.startsWith("/bin/sh"))?.pid;
    const hasGivenWay = (pid = spinner()): boolean => pid !== undefined && niceOf(pid) === CPU_BUSY_NICE;
    assert.ok(
      await whileLookingAt(
        session,
        eventually(() => hasGivenWay(), 60_000),
      ),
    );
    spinning.kill("SIGKILL");
  });

  it("goes first when the machine runs out of memory", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session();
    assert.equal((await runIn(session, "cat /proc/self/oom_score_adj")).text, "800\n");
  });
});

describe("which processes go for having too many descriptors", () => {
  const counted = [
    { pid: "2", count: 5 },
    { pid: "3", count: 60 },
    { pid: "4", count: 50 },
  ];

  it("are those with most, as few as will do", () => {
    assert.deepEqual(beyondLimit(counted, 115), []);
    assert.deepEqual(beyondLimit(counted, 60), ["3"]);
    assert.deepEqual(beyondLimit(counted, 54), ["3", "4"]);
  });
});

describe("how far a session gives way", () => {
  const limitPercent = 200;
  const crowd = CPU_CROWD_PROCESSES * availableParallelism() + 1;

  it("is a little for one that works, wholly for a crowd, not at all for one that rests", () => {
    assert.equal(niceFor({ usedPercent: 1, running: 1, limitPercent }), null);
    assert.equal(niceFor({ usedPercent: 100, running: 1, limitPercent }), CPU_BUSY_NICE);
    assert.equal(niceFor({ usedPercent: 100, running: crowd - 1, limitPercent }), CPU_BUSY_NICE);
    assert.equal(niceFor({ usedPercent: 0, running: crowd, limitPercent }), CPU_CROWD_NICE);
    assert.equal(niceFor({ usedPercent: 6, running: 1, limitPercent: 5 }), CPU_BUSY_NICE);
  });
});
