/** What a command can see and reach: attempts from inside, each of which must fail. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Session } from "../../src/index.js";
import { noSandbox } from "../support/available.js";
import { Fixture, makeDirectory, removeDirectory, runIn, sandboxUid, type Disk } from "../support/fixture.js";

const SECRET = "s3cr3t-of-the-server";

describe("from inside a sandbox", { skip: noSandbox }, () => {
  let fixture: Fixture;
  let session: Session;
  let disk: Disk;
  before(async () => {
    process.env["CHASER_TEST_SECRET"] = SECRET;
    fixture = await Fixture.open();
    disk = fixture.disk();
    session = await fixture.session({ mount: disk.mount, env: { SESSION: "yes" } });
  });
  after(async () => {
    delete process.env["CHASER_TEST_SECRET"];
    await fixture[Symbol.asyncDispose]();
  });
  const inside = async (command: string): Promise<string> => (await runIn(session, command)).text;

  it("the user is chaser, 1000, with no capability, no new privileges, and a filter", async () => {
    assert.equal(await inside("id -u; id -g; id -un; id -gn; id -G"), "1000\n1000\nchaser\nchaser\n1000\n");
    const status = await inside("cat /proc/self/status");
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.match(status, new RegExp(`^${set}:\\s+0+$`, "m"));
    }
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
  });

  it("host root is nobody: only the own user is mapped", async () => {
    assert.match(await inside("cat /proc/self/uid_map"), /^\s+1000\s+0\s+1\n$/);
    assert.equal(await inside("stat -c %U /usr"), "nobody\n");
    assert.notEqual(sandboxUid, 0);
  });

  it("only the three standard descriptors are open, whatever the server holds", async () => {
    openSync("/etc/passwd", "r");
    assert.equal(await inside("ls /proc/self/fd"), "0\n1\n2\n3\n"); // 3 is the listing's own.
    const list = await runIn(session, ["ls", "/proc/self/fd"]);
    assert.equal(list.text, "0\n1\n2\n3\n");
  });

  it("descriptors that the server inherited stay outside", async () => {
    const directory = makeDirectory();
    try {
      const script = fileURLToPath(new URL("../support/descriptors.js", import.meta.url));
      const secret = openSync("/etc/hostname", "r");
      const server = spawn(process.execPath, [script, directory], {
        stdio: ["ignore", "pipe", "inherit", secret, secret, "ignore", "ignore", "ignore", secret, secret],
      });
      let text = "";
      server.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
      await new Promise((resolve) => server.once("close", resolve));
      assert.deepEqual(JSON.parse(text), { server: true, inside: "0\n1\n2\n3\n" });
    } finally {
      removeDirectory(directory);
    }
  });

  it("the environment is what was set, and the server's is nowhere to be found", async () => {
    const environment = await runIn(session, "env | sort; tr '\\0' '\\n' < /proc/self/environ", {
      env: { MINE: "1" },
    });
    const names = [...environment.text.matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(names)].sort(), [
      "CHASER",
      "HOME",
      "LANG",
      "LOGNAME",
      "MINE",
      "PATH",
      "PWD",
      "SESSION",
      "SHELL",
      "USER",
    ]);
    const everything = await inside(
      "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'",
    );
    assert.ok(!everything.includes(SECRET));
    assert.ok(!everything.includes(fixture.directory));
  });

  it("PID 1 gives away nothing", async () => {
    assert.equal(await inside("tr '\\0' ' ' < /proc/1/cmdline"), "cat ");
    for (const path of [
      "environ",
      "mem",
      "maps",
      "root/etc",
      "cwd/",
      "fd/0",
      "map_files/",
      "ns/mnt",
      "io",
      "stack",
    ]) {
      const text = await inside(
        `[ -d /proc/1/${path} ] && ls /proc/1/${path} || cat /proc/1/${path}; readlink /proc/1/${path}`,
      );
      assert.match(text, /Permission denied/, path);
    }
    assert.ok(!(await inside("cat /proc/1/mountinfo")).includes(fixture.directory));
  });

  it("another command's memory and descriptors are out of reach", async () => {
    const other = await session.exec({ command: "echo $$; exec sleep 1000" });
    const pid = await new Promise<string>((resolve) =>
      other.stdout.once("data", (chunk: Buffer) => {
        resolve(chunk.toString().trim());
      }),
    );
    assert.match(await inside(`cat /proc/${pid}/cmdline`), /sleep/);
    for (const name of ["mem", "environ", "fd/", "root/", "cwd/"]) {
      const listed = await inside(
        `ls /proc/${pid}/${name} >/dev/null 2>&1 && cat /proc/${pid}/${name} > /dev/null 2>&1; echo $?`,
      );
      assert.notEqual(listed, "0\n", name);
    }
    other.kill("SIGKILL");
    await other.completed;
  });

  it("nothing but the disk and the temporary directories can be written", async () => {
    const places = ["/", "/usr", "/usr/bin", "/etc", "/dev", "/run", "/var", "/home", "/proc/sys/kernel"];
    for (const place of places) {
      assert.match(
        await inside(`touch ${place}/chaser-was-here 2>&1; true`),
        /Read-only|Permission|No such/,
        place,
      );
    }
    for (const place of ["/workspace", "/home/chaser", "/tmp", "/dev/shm", "/var/tmp"]) {
      assert.equal(await inside(`touch ${place}/x && echo ok`), "ok\n", place);
    }
    const kernel = [
      "/proc/sysrq-trigger",
      "/proc/sys/kernel/core_pattern",
      "/proc/sys/vm/drop_caches",
      "/proc/sys/net/ipv4/ip_forward",
    ];
    for (const file of kernel)
      assert.match(
        await inside(`(echo 1 > ${file}) 2>&1; true`),
        /Read-only|Permission|denied|nonexistent/,
        file,
      );
  });

  it("the host's files are not there", async () => {
    writeFileSync(join(fixture.directory, "outside"), "x", { mode: 0o666 });
    for (const path of [
      fixture.directory,
      "/root",
      "/boot",
      "/sys",
      "/srv",
      "/mnt",
      "/etc/shadow",
      "/etc/ssh",
      "/var/lib",
      "/var/run",
      "/run/systemd",
    ]) {
      assert.equal(await inside(`[ -e ${path} ] || echo absent`), "absent\n", path);
    }
    assert.equal(
      await inside("cd / && ls -d ../* | wc -l; ls /.. | wc -l; ls -A / | wc -l").then(
        (text) => new Set(text.trim().split("\n")).size,
      ),
      1,
    );
  });

  it("devices are the harmless ones, and none can be made", async () => {
    const names = (await inside("ls /dev")).trim().split("\n");
    assert.deepEqual(names, [
      "core",
      "fd",
      "full",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ]);
    assert.match(await inside("mknod /workspace/disk b 254 0 2>&1"), /Operation not permitted/);
    assert.match(await inside("mknod /tmp/mem c 1 1 2>&1"), /Operation not permitted/);
  });

  it("setuid programs of the host lend nothing", async () => {
    assert.equal(
      await inside("cp /usr/bin/id /workspace/id && chmod 6755 /workspace/id && /workspace/id -u"),
      "1000\n",
    );
    assert.match(
      await inside("grep -E ' / /usr | /workspace ' /proc/self/mountinfo | grep -c nosuid; true"),
      /^[1-9]/,
    );
    const mode = lstatSync(join(disk.tree, "workspace/id"));
    assert.notEqual(mode.uid, 0);
  });

  it("a second way out by the mounts is closed", async () => {
    for (const command of [
      "unshare -U true",
      "unshare -m true",
      "mount -t tmpfs x /tmp",
      "mount --bind /workspace /tmp",
      "umount /workspace",
      "umount -l /proc",
      "chroot / true",
      "nsenter -t 1 -m true",
      "pivot_root . .",
      "hostname x",
    ]) {
      const { exitCode } = await runIn(session, command);
      assert.notEqual(exitCode, 0, command);
    }
  });

  it("a process cannot be traced", { skip: !existsSync("/usr/bin/perl") && "no perl" }, async () => {
    const number = process.arch === "x64" ? 101 : 117;
    assert.equal(
      await inside(`perl -e '$r = syscall(${String(number)}, 0, 0, 0, 0); print $r, " ", $! + 0'`),
      "-1 1",
    );
  });

  it("a link in the workspace leads nowhere outside", async () => {
    assert.match(
      await inside("ln -sfn / /workspace/root; cat /workspace/root/etc/shadow 2>&1"),
      /No such file/,
    );
    mkdirSync(join(fixture.directory, "open"), { mode: 0o777 });
    assert.match(
      await inside(`ln -sfn ${fixture.directory}/open /workspace/out; touch /workspace/out/x 2>&1`),
      /No such file|cannot/,
    );
    assert.equal(existsSync(join(fixture.directory, "open/x")), false);
  });

  it("marks of an overlay stay ordinary data", async () => {
    await inside("echo lower > kept; mkdir -p dir; echo x > dir/file; mknod kept2 c 0 0 2>/dev/null; true");
    const text = await inside(
      "setfattr -n user.overlay.opaque -v y dir 2>&1; setfattr -n user.overlay.whiteout -v y kept 2>&1; cat kept dir/file; ls dir",
    );
    assert.match(text, /lower\nx\nfile\n$/);
  });

  it("there is no terminal to type into", async () => {
    assert.match(await inside("(echo x > /dev/tty) 2>&1; true"), /No such device|cannot/);
    assert.equal(await inside("tty || true"), "not a tty\n");
    assert.equal(
      await inside("ps -o sid= -p $$ | tr -d ' '; echo $$").then(
        (text) => new Set(text.trim().split("\n")).size,
      ),
      1,
    );
  });
});
