import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseWaitStatus, startProcess, type ProcessEnd } from "../../src/platform/children.js";
import { createMemoryFile, createPipe, RLIMIT } from "../../src/platform/libc.js";
import { readWhole } from "../../src/platform/memory-file.js";
import { start } from "../../src/platform/start.js";
import { limitProcess } from "../../src/sandbox/limits.js";
import { HOST_UID, runsAsRoot } from "../support/fixture.js";

/** Descriptor 1 of the program is a file in memory, of which the text is given back. */
async function run(
  file: string,
  args: string[],
  environment = {},
): Promise<{ end: ProcessEnd; text: string }> {
  const [input, output] = [openSync("/dev/null", "r"), createMemoryFile("output")];
  try {
    const end = await startProcess(file, args, { stdio: [input, output, 2], environment }).ended;
    return { end, text: readWhole(output) };
  } finally {
    closeSync(input);
    closeSync(output);
  }
}

const shell = (script: string, environment = {}): ReturnType<typeof run> =>
  run("/bin/sh", ["-c", script], environment);

describe("a started program", () => {
  it("tells how it ended", async () => {
    assert.deepEqual((await shell("exit 7")).end, { code: 7, signal: null });
    assert.deepEqual((await shell("kill -9 $$")).end, { code: null, signal: "SIGKILL" });
    // A core file was written, or would have been.
    assert.deepEqual(parseWaitStatus(0x80 | 11), { code: null, signal: "SIGSEGV" });
  });

  it("is missed neither among many that end at once nor beside one of Node's", async () => {
    const node = spawn("/bin/true");
    const ends = await Promise.all(Array.from({ length: 50 }, (_, n) => shell(`exit ${String(n)}`)));
    assert.deepEqual(
      ends.map(({ end }) => end.code),
      ends.map((_, n) => n),
    );
    if (node.exitCode === null) await once(node, "exit");
    assert.equal(node.exitCode, 0);
  });

  it("has the arguments, the environment and the directory that it is given, and a session of its own", async () => {
    const script = 'echo "$1|$2|$NAME|$HOME|$(pwd)"; [ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ] && echo leads';
    const { text } = await run("/bin/sh", ["-c", script, "sh", "a b", ""], { NAME: "é" });
    assert.equal(text, "a b||é||/\nleads\n");
  });

  it("ignores no signal and holds none back", async () => {
    process.once("SIGPIPE", () => undefined);
    const { text } = await shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | sort -u");
    assert.equal(text, "0000000000000000\n");
  });

  it("gets its descriptors in order, however their numbers lie", async () => {
    const [first, second] = [createMemoryFile("first"), createMemoryFile("second")];
    // Those of this process that a program's numbers fall on.
    const { ended } = startProcess("/bin/sh", ["-c", "echo one >&2; echo two >&1"], {
      stdio: [2, second, first],
      environment: {},
    });
    await ended;
    assert.deepEqual([readWhole(first), readWhole(second)], ["one\n", "two\n"]);
    const list = "for n in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$n ] || echo $n; done";
    await start("/bin/sh", ["-c", list], { user: null, stdio: [1, second, 0, 2] }).ended;
    assert.equal(readWhole(second), "two\n0\n1\n2\n3\n");
    for (const fd of [first, second]) closeSync(fd);
  });

  it("that does not exist, or is given what no program can get, is an error at once", () => {
    const given = { stdio: [], environment: {} };
    assert.throws(() => startProcess("/no/such/program", [], given), { code: "ENOENT" });
    assert.throws(() => startProcess("/bin/true", ["x".repeat(4 << 20)], given), { code: "E2BIG" });
    assert.throws(() => startProcess("/bin/true", ["a\0b"], given), /NUL/);
  });

  it("is not signalled by its number once it has ended", async () => {
    const child = startProcess("/bin/true", [], { stdio: [], environment: {} });
    await child.ended;
    assert.throws(() => process.kill(child.pid, 0), { code: "ESRCH" });
    child.kill("SIGKILL");
  });
});

describe("the limits of a process", () => {
  const noRoot = !runsAsRoot && "needs root";
  const limits = [{ resource: RLIMIT.openFiles, value: 77 }];
  const user = { uid: HOST_UID, gid: HOST_UID };
  const limitOf = (pid: number): string | undefined =>
    /^Max open files +(\d+) +(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/limits`, "latin1"))?.[0];

  /** Waits for a line of the program, then limits it, and looks whether the limit holds. */
  async function limited(file: string, args: string[]): Promise<string | undefined> {
    const [input, output] = [createPipe(), createPipe()];
    const child = startProcess(file, args, {
      stdio: [input.readEnd, output.writeEnd, 2],
      environment: { PATH: "/usr/bin:/bin" },
    });
    for (const fd of [input.readEnd, output.writeEnd]) closeSync(fd);
    readFileSync(output.readEnd);
    limitProcess(child.pid, limits, user);
    const limit = limitOf(child.pid);
    closeSync(input.writeEnd);
    closeSync(output.readEnd);
    assert.deepEqual(await child.ended, { code: 0, signal: null });
    assert.equal(process.geteuid?.(), 0);
    return limit?.replaceAll(/ +/g, " ");
  }
  const wait = "exec >&-; read line || exit 0";

  it("are set while it is root's", { skip: noRoot }, async () => {
    assert.equal(await limited("/bin/sh", ["-c", wait]), "Max open files 77 77");
  });

  it("are set once it is its user's, in a namespace of that user", { skip: noRoot }, async () => {
    const id = String(HOST_UID);
    const become = ["--reuid", id, "--regid", id, "--clear-groups", "unshare", "--user", "--map-root-user"];
    assert.equal(await limited("/usr/bin/setpriv", [...become, "sh", "-c", wait]), "Max open files 77 77");
  });
});
