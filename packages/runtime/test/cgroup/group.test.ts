import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { CONTROLLERS, whyNotDelegated, type GroupFacts } from "../../src/cgroup/delegation.js";
import { eventCount, groupFiles } from "../../src/cgroup/group.js";
import { SESSION_LIMITS_DEFAULT } from "../../src/index.js";
import { appliedLimits, resourceLimits } from "../../src/sandbox/limits.js";
import { noSandbox } from "../support/available.js";
import { Fixture, makeDirectory, removeDirectory, runIn, runsAsRoot } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

const facts: GroupFacts = {
  directory: "/sys/fs/cgroup/user.slice/chaser.scope",
  controllers: ["cpu", "memory", "pids"],
  isWritable: true,
  strangers: 0,
};

describe("delegation", () => {
  it("is refused for a reason that says what to do", () => {
    assert.equal(whyNotDelegated(facts), null);
    assert.equal(
      whyNotDelegated({ ...facts, controllers: ["memory"] }),
      null,
      "one controller is better than none",
    );
    const reasons: [Partial<GroupFacts>, RegExp, RegExp][] = [
      [{ directory: null }, /not mounted/, /unified_cgroup_hierarchy/],
      [{ controllers: ["hugetlb"] }, /none of the controllers memory, pids, cpu/, /Delegate=yes/],
      [{ isWritable: false }, /belongs to someone else/, /systemd-run --user --scope/],
      [{ strangers: 3 }, /3 other processes/, /group of its own/],
    ];
    for (const [change, cause, remedy] of reasons) {
      const reason = whyNotDelegated({ ...facts, ...change });
      assert.match(reason?.cause ?? "", cause);
      assert.match(reason?.remedy ?? "", remedy);
    }
  });
});

describe("a session's group", () => {
  const limits = { ...SESSION_LIMITS_DEFAULT, sessionMemoryBytes: 1 << 20, maxProcesses: 7, cpuPercent: 150 };

  it("is held by the files of the controllers that are there", () => {
    const written = groupFiles(limits, new Set(CONTROLLERS)).map(({ name, content }) => `${name} ${content}`);
    assert.deepEqual(written, [
      "memory.max 1048576",
      "memory.swap.max 0",
      "pids.max 9",
      "cpu.max 150000 100000",
    ]);
    assert.deepEqual(groupFiles(limits, new Set()), []);
    assert.equal(appliedLimits(limits, new Set(["memory"])).swapBytes.mechanism, "cgroup");
    assert.equal(appliedLimits(limits, new Set(["memory"])).maxProcesses.mechanism, "userns");
  });

  it("refuses a process before the user namespace does, because it counts what it refused", () => {
    const [pids] = groupFiles(limits, new Set(["pids"]));
    const [userns] = resourceLimits(limits, new Set(["pids"]));
    assert.ok(Number(pids?.content) < (userns?.value ?? 0));
  });

  it("tells its events", () => {
    assert.equal(eventCount("low 0\noom 3\noom_kill 12\noom_group_kill 0\n", "oom_kill"), 12);
    assert.equal(eventCount("", "max"), 0);
  });
});

/** The hierarchy is the machine's, whichever controllers are in it; the mount and the group are the test's. */
class PrivateGroup implements Disposable {
  readonly #mount = makeDirectory();
  readonly directory: string;

  constructor() {
    execFileSync("mount", ["-t", "cgroup2", "none", this.#mount]);
    this.directory = join(this.#mount, `chaser-test-${String(process.pid)}`);
    mkdirSync(this.directory);
  }

  [Symbol.dispose](): void {
    rmdirSync(this.directory);
    execFileSync("umount", [this.#mount]);
    removeDirectory(this.#mount);
  }
}

function noGroup(): string | false {
  if (!runsAsRoot) return "needs root, to mount control groups";
  try {
    using group = new PrivateGroup();
    return existsSync(join(group.directory, "cgroup.kill")) ? false : "needs cgroup v2 with cgroup.kill";
  } catch (error) {
    return `needs cgroup v2: ${(error as Error).message}`;
  }
}

describe("a session in a group", { skip: noSandbox || noGroup() }, () => {
  it("has all its processes in it, and none outside it afterwards", async () => {
    using group = new PrivateGroup();
    {
      await using fixture = await Fixture.open({ cgroupDirectory: group.directory });
      const session = await fixture.session();
      const marker = `4${String(process.pid)}`;
      await runIn(session, `setsid -f sleep ${marker}`);
      const [sleeper] = processesWith(`sleep ${marker}`);
      const place = /^0::(.*)$/m.exec(readFileSync(`/proc/${String(sleeper?.pid)}/cgroup`, "latin1"))?.[1];
      const [own] = readdirSync(group.directory).filter((name) => name.startsWith("chaser-"));
      assert.ok(place?.endsWith(`/${String(own)}/${session.id}`), place);
      assert.match((await runIn(session, "cat /proc/self/cgroup")).text, new RegExp(`/${session.id}$`, "m"));
      const members = readFileSync(join(group.directory, String(own), session.id, "cgroup.procs"), "latin1");
      assert.ok(members.trim().split("\n").length >= 3, "the keeper, init and the sleeper");
      await session.end();
      assert.deepEqual(processesWith(`sleep ${marker}`), []);
    }
    const left = readdirSync(group.directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      left.map(({ name }) => name),
      [],
    );
  });
});

/** The kernel gives them to one hierarchy alone, and on many machines that is not the one which tests may change. */
function noControllers(): string | false {
  const reason = noGroup();
  if (reason !== false) return reason;
  using group = new PrivateGroup();
  const given = readFileSync(join(group.directory, "..", "cgroup.controllers"), "latin1")
    .trim()
    .split(/\s+/);
  const missing = CONTROLLERS.filter((controller) => !given.includes(controller));
  return missing.length === 0 ? false : `needs cgroup v2 with the controllers ${missing.join(", ")}`;
}

describe("a session in a group that has all controllers", { skip: noSandbox || noControllers() }, () => {
  const perl = (program: string): string[] => ["perl", "-e", program];
  let group: PrivateGroup;
  before(() => {
    group = new PrivateGroup();
    for (const controller of CONTROLLERS)
      writeFileSync(join(group.directory, "..", "cgroup.subtree_control"), `+${controller}`);
  });
  after(() => group[Symbol.dispose]());

  it("is held by the kernel to memory, processes and processor time, and says what it ran into", async () => {
    await using fixture = await Fixture.open({ cgroupDirectory: group.directory });
    const session = await fixture.session({
      limits: { sessionMemoryBytes: 48 << 20, maxProcesses: 30, cpuPercent: 10 },
    });
    for (const limit of ["sessionMemoryBytes", "swapBytes", "maxProcesses", "cpuPercent"] as const)
      assert.equal(session.limits[limit].mechanism, "cgroup", limit);
    const [own] = readdirSync(group.directory).filter((name) => name.startsWith("chaser-"));
    const figure = (name: string): string =>
      readFileSync(join(group.directory, String(own), session.id, name), "latin1");
    assert.equal(Number(figure("memory.max")), 48 << 20);

    const large = await runIn(session, perl('$x = "a" x (128 << 20); sleep 1000'));
    assert.deepEqual([large.signal, large.limitsHit], ["SIGKILL", ["memory"]]);
    // What lives in memory without a name counts as well.
    const files =
      '$n = "x"; open(my $h, ">&=", syscall(319, $n, 0)) or die; syswrite $h, "a" x (1 << 20) for 1 .. 128; sleep 1000';
    if (process.arch === "x64") assert.deepEqual((await runIn(session, perl(files))).limitsHit, ["memory"]);
    assert.deepEqual((await runIn(session, "for i in $(seq 60); do sleep 1000 & done")).limitsHit, [
      "processes",
    ]);
    assert.deepEqual((await runIn(session, "true")).limitsHit, []);

    const spinning = await session.exec({ command: ["/bin/sh", "-c", "while :; do :; done"] });
    assert.ok(
      await eventually(() => eventCount(figure("cpu.stat"), "nr_throttled") > 0, 60_000),
      figure("cpu.stat"),
    );
    spinning.kill("SIGKILL");
    await spinning.completed;
  });
});
