/** Attacks from inside as a table: each is a small script, and what it must print when it is refused. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { SessionSpec } from "../../src/index.js";
import {
  currentArchitecture,
  systemCallNumber,
  type SystemCall,
} from "../../src/sandbox/seccomp/syscalls.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";

export interface Attempt {
  attack: string;
  /** For `sh`, or for perl with `call`, which makes a system call and prints the errno's name, or `done`. */
  run: { sh: string } | { perl: string };
  /** Of all that it prints, errors too. */
  refused: RegExp;
}

/** One that hangs has not got anywhere, and prints what no expectation matches. */
const ATTEMPT_SECONDS = 20;

const PERL_PRELUDE = `use Errno; use Socket; $| = 1;
sub outcome { my $r = shift; return "done\\n" if $r; for (keys %!) { return "$_\\n" if $!{$_} && !/^EWOULDBLOCK|EDEADLOCK|ENOTSUP$/ } "errno " . ($! + 0) . "\\n" }
sub call { my $r = syscall(shift, map { my $v = $_; $v } @_); print outcome($r != -1) }
sub attempt { print outcome(shift) }
`;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const program = ({ run }: Attempt): string =>
  "sh" in run ? `sh -c ${quoted(run.sh)}` : `perl -e ${quoted(PERL_PRELUDE + run.perl)}`;

export const noPerl = !existsSync("/usr/bin/perl") && "there is no /usr/bin/perl to make system calls with";

/** Perl for the number of a call, whatever the architecture. Throws for one that this one does not have. */
export function number(call: SystemCall): string {
  const found = systemCallNumber(call, currentArchitecture() ?? "x86_64");
  if (found === null) throw new RangeError(`no ${call} here`);
  return String(found);
}

/** One `attempt` for each of the values. */
export const each = <Value>(values: readonly Value[], attempt: (value: Value) => Attempt): Attempt[] =>
  values.map(attempt);

export interface AttemptOptions {
  spec?: Partial<SessionSpec>;
  skip?: string | false;
  /** Makes what is to be attacked; the attempts find the answer in their environment. */
  prepare?: (fixture: Fixture) => Record<string, string> | Promise<Record<string, string>>;
}

/** All of them run in one command of a session, one after the other, and each is a test. */
export function describeAttempts(
  theme: string,
  attempts: readonly Attempt[],
  { spec, skip, prepare }: AttemptOptions = {},
): void {
  describe(theme, { skip: noSandbox || noPerl || (skip ?? false) }, () => {
    let fixture: Fixture;
    let printed: string[] = [];
    before(async () => {
      fixture = await Fixture.open();
      const env = (await prepare?.(fixture)) ?? {};
      const session = await fixture.session(spec);
      const stdin = attempts
        .map((one) => `timeout ${String(ATTEMPT_SECONDS)} ${program(one)} < /dev/null 2>&1; printf '\\0'\n`)
        .join("");
      printed = (await runIn(session, "sh -s", { stdin, env })).stdout.toString().split("\0");
    });
    after(() => fixture[Symbol.asyncDispose]());
    attempts.forEach(({ attack, refused }, index) => {
      it(attack, () => {
        assert.match(printed[index] ?? "never tried", refused);
      });
    });
    it("comes to its end", () => {
      assert.equal(printed.length, attempts.length + 1);
    });
  });
}
