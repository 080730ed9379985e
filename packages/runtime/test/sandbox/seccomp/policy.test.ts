import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ACTION } from "../../../src/sandbox/seccomp/assembler.js";
import { ABSENT, FEIGNED, REFUSED, seccompFilters } from "../../../src/sandbox/seccomp/policy.js";
import {
  AUDIT_ARCHITECTURE,
  SYSTEM_CALLS,
  systemCallNumber,
  type Architecture,
  type SystemCall,
} from "../../../src/sandbox/seccomp/syscalls.js";
import { evaluate } from "./interpreter.js";

const EPERM = ACTION.errno(1);
const ENOSYS = ACTION.errno(38);
const EAFNOSUPPORT = ACTION.errno(97);
const architectures: Architecture[] = ["x86_64", "aarch64"];

for (const architecture of architectures) {
  const { ordinary: filter, root } = seccompFilters(architecture);
  const arch = AUDIT_ARCHITECTURE[architecture];
  const call = (name: SystemCall, ...args: bigint[]): number =>
    evaluate(filter, { nr: systemCallNumber(name, architecture) ?? -1, arch, arguments: args });

  describe(`the policy on ${architecture}`, () => {
    it("refuses, hides and allows every number as stated", () => {
      const named = (calls: readonly SystemCall[]): Set<number | null> =>
        new Set(calls.map((name) => systemCallNumber(name, architecture)));
      const [refused, absent] = [named(REFUSED), named(ABSENT)];
      const families = named(["socket", "socketpair"]);
      for (let nr = 0; nr < 1024; nr++) {
        const expected =
          nr >= 457 || absent.has(nr)
            ? ENOSYS
            : refused.has(nr)
              ? EPERM
              : families.has(nr)
                ? EAFNOSUPPORT // Called with family 0.
                : ACTION.allow;
        assert.equal(evaluate(filter, { nr, arch }), expected, `system call ${String(nr)}`);
      }
    });

    it("feigns calls about owners and users for root, and is the same in all else", () => {
      const feigned = new Set(FEIGNED.map((name) => systemCallNumber(name, architecture)));
      for (let nr = 0; nr < 1024; nr++) {
        const expected = feigned.has(nr) ? ACTION.errno(0) : evaluate(filter, { nr, arch });
        assert.equal(evaluate(root, { nr, arch }), expected, `system call ${String(nr)}`);
      }
    });

    it("kills calls of another architecture", () => {
      const others = [
        0x40000003,
        0,
        ...architectures.filter((name) => name !== architecture).map((name) => AUDIT_ARCHITECTURE[name]),
      ];
      for (const other of others) assert.equal(evaluate(filter, { nr: 0, arch: other }), ACTION.killProcess);
    });

    it("has no x32 calls", () => {
      for (const nr of [0x40000000, 0x40000000 + 59, 0x7fffffff, 0xffffffff]) {
        assert.equal(evaluate(filter, { nr, arch }), ENOSYS);
      }
    });

    it("refuses to type into a terminal, whatever the high bits", () => {
      for (const request of [0x5412n, 0x100005412n, 0xffffffff00005412n, 0x541cn, 0x1_0000_541cn]) {
        assert.equal(call("ioctl", 0n, request), EPERM, request.toString(16));
      }
      for (const request of [0x5413n, 0x5401n, 0x54120000n])
        assert.equal(call("ioctl", 0n, request), ACTION.allow);
    });

    it("refuses clone with any namespace, and no other", () => {
      for (const flag of [
        0x00020000n,
        0x02000000n,
        0x04000000n,
        0x08000000n,
        0x10000000n,
        0x20000000n,
        0x40000000n,
      ]) {
        assert.equal(call("clone", flag | 17n), EPERM, flag.toString(16));
      }
      assert.equal(call("clone", 0x3d0f00n), ACTION.allow); // What pthread_create passes.
      assert.equal(call("clone", 17n), ACTION.allow);
    });

    it("allows sockets of four families", () => {
      for (let family = 0n; family < 64n; family++) {
        const expected = [1n, 2n, 10n, 16n].includes(family) ? ACTION.allow : EAFNOSUPPORT;
        assert.equal(call("socket", family, 1n), expected, `family ${String(family)}`);
        assert.equal(call("socketpair", family, 1n), expected, `family ${String(family)}`);
        assert.equal(call("socket", family | 0x1_0000_0000n), expected);
      }
    });
  });
}

describe("the system call table", () => {
  const headers: [Architecture, string][] = [
    ["x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"],
    ["aarch64", "/usr/include/asm-generic/unistd.h"],
  ];
  for (const [architecture, header] of headers) {
    it(
      `agrees with the kernel's header for ${architecture}`,
      { skip: !existsSync(header) && `no ${header}` },
      () => {
        const text = readFileSync(header, "utf8");
        for (const name of Object.keys(SYSTEM_CALLS) as SystemCall[]) {
          const number = new RegExp(`__NR(?:3264)?_${name}\\s+(\\d+)`).exec(text)?.[1];
          const expected = number === undefined ? null : Number(number);
          // A header that is older than a call does not prove that it has no number.
          if (expected !== null) assert.equal(systemCallNumber(name, architecture), expected, name);
        }
      },
    );
  }
});
