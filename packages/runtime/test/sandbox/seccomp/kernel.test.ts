/** The policy as the kernel applies it: real calls from inside a session, by a script. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Session } from "../../../src/index.js";
import { ABSENT, REFUSED } from "../../../src/sandbox/seccomp/policy.js";
import {
  currentArchitecture,
  systemCallNumber,
  type SystemCall,
} from "../../../src/sandbox/seccomp/syscalls.js";
import { noSandbox } from "../../support/available.js";
import { Fixture, runIn } from "../../support/fixture.js";
import { foreignCall, noForeignCall, withoutForeignCall } from "../../support/foreign-call.js";

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const architecture = currentArchitecture() ?? "x86_64";
const noPerl = !existsSync("/usr/bin/perl") && "there is no /usr/bin/perl to make system calls with";

describe("system calls from inside", { skip: noSandbox || noPerl }, () => {
  let fixture: Fixture;
  let session: Session;
  before(async () => {
    fixture = await Fixture.open();
    session = await fixture.session();
  });
  after(() => fixture[Symbol.asyncDispose]());

  /** The errno of each call, 0 for success. Arguments that are wrong tell a filter from the kernel's own checks. */
  async function errnos(calls: readonly (readonly (number | string)[])[]): Promise<number[]> {
    const lines = calls.map(
      (call) => `$! = 0; my $r = syscall(${call.join(", ")}); print(($r == -1 ? $!+0 : 0), "\\n");`,
    );
    const script = `$| = 1; ${lines.map((line) => `{ ${line} }`).join("\n")}`;
    const { stdout, text } = await runIn(session, ["perl", "-"], { stdin: script });
    const found = stdout.toString().trim().split("\n").map(Number);
    assert.equal(found.length, calls.length, text);
    return found;
  }

  const numberOf = (name: SystemCall): number => systemCallNumber(name, architecture) ?? -1;
  const existing = (calls: readonly SystemCall[]): SystemCall[] =>
    calls.filter((name) => numberOf(name) >= 0);

  it("are refused", async () => {
    const names = existing(REFUSED);
    const found = await errnos(names.map((name) => [numberOf(name), -1, -1, -1, -1, -1]));
    assert.deepEqual(
      Object.fromEntries(names.map((name, index) => [name, found[index]])),
      Object.fromEntries(names.map((name) => [name, EPERM])),
    );
  });

  it("are absent", async () => {
    const names = existing(ABSENT);
    const found = await errnos(names.map((name) => [numberOf(name), -1, -1, -1, -1, -1]));
    assert.ok(
      found.every((errno) => errno === ENOSYS),
      JSON.stringify(found),
    );
    assert.deepEqual(await errnos([[457], [500], [1000], ["0x40000000 + 39"]]), [
      ENOSYS,
      ENOSYS,
      ENOSYS,
      ENOSYS,
    ]);
  });

  it("cannot type into a terminal, however the request is spelled", async () => {
    const ioctl = numberOf("ioctl");
    const requests = ["0x5412", "0x100005412", "0xffffffff00005412", "0x541c"];
    const found = await errnos(requests.map((request) => [ioctl, 0, request, 0]));
    assert.deepEqual(found, [EPERM, EPERM, EPERM, EPERM]);
  });

  it("cannot make a user namespace by clone", async () => {
    assert.deepEqual(await errnos([[numberOf("clone"), "0x10000000 | 17", 0, 0, 0, 0]]), [EPERM]);
  });

  it("open only known socket families", async () => {
    const socket = numberOf("socket");
    const families = [1, 2, 10, 16, 17, 40, 38, 31, 44];
    const found = await errnos(families.map((family) => [socket, family, family === 16 ? 3 : 2, 0]));
    assert.deepEqual(found.slice(0, 4), [0, 0, 0, 0]);
    assert.deepEqual(
      found.slice(4),
      families.slice(4).map(() => EAFNOSUPPORT),
    );
  });

  it("of another architecture end the process", { skip: noForeignCall }, async () => {
    const { signal } = await runIn(session, "cat > probe && chmod +x probe && exec ./probe", {
      stdin: foreignCall,
    });
    assert.equal(signal, "SIGSYS");
    // The same program without the foreign call runs: it was the call that ended it.
    const { exitCode } = await runIn(session, "cat > ok && chmod +x ok && exec ./ok", {
      stdin: withoutForeignCall,
    });
    assert.equal(exitCode, 7);
  });
});
