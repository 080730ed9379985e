/** Every number of a system call, from inside, against what the policy states. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ABSENT, REFUSED } from "../../src/sandbox/seccomp/policy.js";
import {
  SYSTEM_CALL_UNREVIEWED_MIN,
  systemCallNumber,
  type SystemCall,
} from "../../src/sandbox/seccomp/syscalls.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { noPerl } from "./attempts.js";

const NUMBER_MAX = 1024;
const X32 = 0x40000000;
/** It has no operation -1, and says so as if it were not there. */
const FUTEX = 202;
const EXIT_GROUP = 231;

/** They end or stop their caller, use its stack after it has gone on, or keep the whole machine busy. */
const NOT_CALLED = new Map([
  [15, "rt_sigreturn"],
  [34, "pause"],
  [58, "vfork"],
  [60, "exit"],
  [162, "sync"],
  [EXIT_GROUP, "exit_group"],
]);

/** Numbers that x86_64 gives to no call, or to one that Linux no longer has. */
const isHole = (nr: number): boolean =>
  (nr >= 181 && nr <= 185) || [205, 211, 214, 215, 236].includes(nr) || nr >= 335;

/** Calls that tell an unprivileged process EPERM by themselves when all arguments are -1. */
const KERNEL_REFUSES = new Set([116 /* setgroups */]);

/**
 * Each call is made by a process of its own, whose exit code says how it went; those that nobody has reviewed by one for
 * all. Arguments of -1 fit nothing, so that a call that the filter lets through fails in another way, or does what
 * harms nobody.
 */
const PROBE = `
my ($exit_group, $together_from) = @ARGV;
my $try = sub { $! = 0; syscall($_[0] + 0, -1, -1, -1, -1, -1, -1) == -1 ? $! + 0 : 0 };
$| = 1;
for my $nr (grep { $_ ne "" } split /\\n/, join("", <STDIN>)) {
  if ($nr >= $together_from) { print "$nr ", $try->($nr), "\\n"; next }
  my $pid = fork;
  die "fork: $!" unless defined $pid;
  if (!$pid) { alarm 10; syscall($exit_group + 0, $try->($nr)) }
  waitpid($pid, 0);
  print "$nr ", ($? & 127 ? "signal " . ($? & 127) : $? >> 8), "\\n";
}`;

const numbers = (calls: readonly SystemCall[]): Set<number | null> =>
  new Set(calls.map((call) => systemCallNumber(call, "x86_64")));
const refused = numbers(REFUSED);
const absent = numbers(ABSENT);

function isAsStated(nr: number, outcome: string): boolean {
  if (nr >= SYSTEM_CALL_UNREVIEWED_MIN || absent.has(nr)) return outcome === "38";
  // clone with every flag asks for namespaces.
  if (refused.has(nr) || nr === systemCallNumber("clone", "x86_64")) return outcome === "1";
  if (numbers(["socket", "socketpair"]).has(nr)) return outcome === "97";
  if (outcome === "38") return isHole(nr) || nr === FUTEX;
  return outcome !== "1" || KERNEL_REFUSES.has(nr);
}

const skip = noSandbox || noPerl || (process.arch !== "x64" && "needs x86_64");

describe("system calls from inside, one by one", { skip }, () => {
  it("are refused, hidden and allowed as the policy states, and so are those of x32", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session();
    const wanted = [
      ...Array.from({ length: NUMBER_MAX + 1 }, (_, nr) => nr).filter((nr) => !NOT_CALLED.has(nr)),
      ...[0, 39, 59, 102, 512, 520, 547].map((nr) => X32 + nr),
    ];
    const { stdout, text } = await runIn(
      session,
      ["perl", "-e", PROBE, String(EXIT_GROUP), String(SYSTEM_CALL_UNREVIEWED_MIN)],
      { stdin: wanted.join("\n") },
    );
    const found = stdout
      .toString()
      .trim()
      .split("\n")
      .map((line): [number, string] => {
        const [nr = "", ...outcome] = line.split(" ");
        return [Number(nr), outcome.join(" ")];
      });
    assert.deepEqual(
      found.map(([nr]) => nr),
      wanted,
      text.slice(-2000),
    );
    assert.deepEqual(
      found
        .filter(([nr, outcome]) => !isAsStated(nr, outcome))
        .map(([nr, outcome]) => `${String(nr)}: errno ${outcome}`),
      [],
    );
  });
});
