import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  encodeArguments,
  enterArguments,
  execArguments,
  initArguments,
  rootArguments,
  type ExecPlan,
} from "../../src/sandbox/arguments.js";
import type { RootEntry } from "../../src/sandbox/host-root.js";

const root: RootEntry[] = [
  { kind: "directory", path: "/usr" },
  { kind: "link", path: "/bin", target: "usr/bin" },
  { kind: "directory", path: "/lib" },
];

const plan: ExecPlan = {
  root,
  layout: {
    state: "/run/s",
    disk: "/run/s/disk",
    tmp: "/run/s/tmp",
    shm: "/run/s/shm",
    proc: "/run/s/proc",
    root: "/run/s/root",
  },
  etc: "/run/etc",
  hosts: null,
  environment: { A: "1", B: "--bind" },
  cwd: "/workspace",
  ids: { uid: 1000, gid: 1000 },
  terminal: false,
  held: false,
};

const position = (args: string[], ...wanted: string[]): number =>
  args.findIndex((_, index) => wanted.every((value, offset) => args[index + offset] === value));

describe("rootArguments", () => {
  it("binds directories read-only and makes links", () => {
    assert.deepEqual(rootArguments(root), [
      ...["--ro-bind", "/usr", "/usr"],
      ...["--symlink", "usr/bin", "/bin"],
      ...["--ro-bind", "/lib", "/lib"],
    ]);
  });
});

describe("execArguments", () => {
  const args = execArguments(plan);

  it("always holds the whole hardening", () => {
    for (const option of ["--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]) {
      assert.ok(args.includes(option), option);
    }
    assert.ok(position(args, "--cap-drop", "ALL") >= 0);
    assert.ok(position(args, "--uid", "1000", "--gid", "1000") >= 0);
    assert.ok(position(args, "--seccomp", "5") >= 0);
    assert.equal(args.filter((argument) => argument.startsWith("--cap-add")).length, 0);
  });

  it("closes the root and /dev after the last thing mounted in them", () => {
    const last = args.lastIndexOf("--bind");
    assert.ok(position(args, "--remount-ro", "/") > last);
    assert.ok(position(args, "--remount-ro", "/dev") > position(args, "--bind", "/run/s/shm", "/dev/shm"));
  });

  it("binds for writing only what belongs to the session", () => {
    const plain = execArguments({ ...plan, environment: {} });
    const sources = plain.flatMap((argument, index) => (argument === "--bind" ? [plain[index + 1]] : []));
    assert.ok(
      sources.every((source) => source?.startsWith("/run/s/")),
      String(sources),
    );
  });

  it("keeps values that look like options in their place", () => {
    assert.equal(position(args, "--setenv", "B", "--bind"), position(args, "--setenv", "A", "1") + 3);
  });

  it("binds a hosts file of its own over the shared one", () => {
    const own = execArguments({ ...plan, hosts: "/run/h" });
    assert.ok(
      position(own, "--ro-bind", "/run/h", "/etc/hosts") > position(own, "--ro-bind", "/run/etc", "/etc"),
    );
  });
});

describe("initArguments", () => {
  it("makes a network namespace where it is to", () => {
    const base = { root, hostname: "h", seccompFd: 4, statusFd: 5 };
    assert.ok(initArguments({ ...base, makesNetwork: true }).includes("--unshare-net"));
    assert.ok(!initArguments({ ...base, makesNetwork: false }).includes("--unshare-net"));
  });
});

describe("enterArguments", () => {
  it("names the keeper's and init's namespaces", () => {
    const target = { keeperPid: 7, initPid: 9, user: null } as const;
    assert.deepEqual(enterArguments({ ...target, network: "none" }), [
      ...["--preserve-credentials", "--user=/proc/7/ns/user", "--mount=/proc/7/ns/mnt"],
      ...["--target", "9", "--ipc", "--uts", "--pid", "--net"],
    ]);
    assert.ok(!enterArguments({ ...target, network: "host" }).includes("--net"));
  });

  it("lets nsenter become the session's user where it is started as root", () => {
    const user = { uid: 200_001, gid: 200_001 };
    const args = enterArguments({ keeperPid: 7, initPid: 9, network: "none", user });
    assert.ok(!args.includes("--preserve-credentials"));
  });
});

describe("encodeArguments", () => {
  it("ends each with a NUL, empty ones too", () => {
    assert.equal(encodeArguments(["a", "", "é"]).toString("latin1"), "a\0\0\xc3\xa9\0");
  });
});
