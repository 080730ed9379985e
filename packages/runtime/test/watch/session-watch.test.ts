import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

const MiB = 1 << 20;

const perl = (script: string): string[] => ["perl", "-e", script];

describe("a session without a control group", { skip: noSandbox }, () => {
  it("is held to its memory as a whole, by the loss of its largest process, and says so", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    const session = await fixture.session({ limits: { sessionMemoryBytes: 96 * MiB } });
    const other = await fixture.session({ limits: { sessionMemoryBytes: 96 * MiB } });
    assert.equal(session.limits.sessionMemoryBytes.mechanism, "watch");
    const small = await session.exec({ command: "sleep 1000" });
    const large = await runIn(session, perl('$x = "a" x (200 << 20); sleep 1000'));
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
    const session = await fixture.session({ limits: { sessionMemoryBytes: 96 * MiB, tmpBytes: MiB } });
    const many =
      '@a = map { fork || do { $x = "a" x ($_ * 0 + (32 << 20)); sleep 1000; exit } } 1 .. 4; waitpid $_, 0 for @a; exit 3';
    const spread = session.exec({ command: perl(many) });
    assert.ok(await eventually(() => session.limitsHit().includes("memory"), 60_000));
    (await spread).kill("SIGKILL");
    const files =
      'for (1 .. 4) { $n = "x"; open(my $h, ">&=", syscall(319, $n, 0)) or die; push @h, $h; syswrite $h, "a" x (1 << 20) for 1 .. 64 } sleep 1000';
    if (process.arch === "x64") {
      const hidden = await runIn(session, perl(files), { timeoutMs: 60_000 });
      assert.deepEqual([hidden.signal, hidden.limitsHit], ["SIGKILL", ["memory"]]);
    }
    const segments =
      'for (1 .. 4) { defined shmget(0, 1 << 19, 01600) or die "refused: $!\n" } print "got it"';
    assert.match((await runIn(session, perl(segments))).text, /refused/);
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

  it("leaves the processor to others once it uses much of it", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: null });
    const session = await fixture.session();
    const marker = `spin-${String(process.pid)}`;
    const spinning = await session.exec({ command: [`/bin/sh`, "-c", "while :; do :; done", marker] });
    const niceOf = (pid: number): number => {
      const stat = readFileSync(`/proc/${String(pid)}/stat`, "latin1");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
    };
    const spinner = (): number | undefined =>
      processesWith(marker).find(({ command }) => command.startsWith("/bin/sh"))?.pid;
    const isLowered = (pid = spinner()): boolean => pid !== undefined && niceOf(pid) === 19;
    assert.ok(await eventually(() => isLowered(), 60_000));
    spinning.kill("SIGKILL");
  });

  it("goes first when the machine runs out of memory", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session();
    assert.equal((await runIn(session, "cat /proc/self/oom_score_adj")).text, "800\n");
  });
});
