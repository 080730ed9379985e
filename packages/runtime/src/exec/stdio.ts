/** The two ways in which a command is connected to this process: three pipes, or one terminal. */
import { closeSync, fchownSync } from "node:fs";
import { Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import { ReadStream } from "node:tty";
import type { TerminalSize } from "../api.js";
import { createPipe } from "../platform/libc.js";
import { openTerminal, setTerminalSize } from "../platform/terminal.js";
import type { HostUser } from "../sandbox/spec.js";
import { Head, headOf } from "./head.js";
import { OutputPipe } from "./output-pipe.js";

export interface Stdio {
  /** What the command gets as 0, 1 and 2. */
  readonly childEnds: readonly [number, number, number];
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What a set-up that fails says goes there first. */
  readonly head: Head;
  /** For a terminal only. */
  readonly resize: ((size: TerminalSize) => void) | null;
}

/** Closes the command's ends, once it has them or never will. */
export function closeChildEnds({ childEnds }: Stdio): void {
  for (const fd of new Set(childEnds)) closeSync(fd);
}

export function destroyStdio({ stdin, stdout, stderr }: Stdio): void {
  for (const stream of [stdin, stdout, stderr]) stream.destroy();
}

/** A pipe has no errors that its user could act on; without a listener they would end the process. */
function quiet<S extends Readable | Writable>(stream: S): S {
  stream.on("error", () => undefined);
  return stream;
}

export function openPipes(user: HostUser | null): Stdio {
  const ends: number[] = [];
  const pipe = (): { readEnd: number; writeEnd: number } => {
    const created = createPipe();
    ends.push(created.readEnd, created.writeEnd);
    // Otherwise the command could use the pipe, but not open it by name.
    if (user !== null) fchownSync(created.readEnd, user.uid, user.gid);
    return created;
  };
  try {
    const [input, output, errors] = [pipe(), pipe(), pipe()];
    const head = new Head();
    return {
      childEnds: [input.readEnd, output.writeEnd, errors.writeEnd],
      stdin: quiet(new Socket({ fd: input.writeEnd, readable: false, writable: true })),
      stdout: quiet(new OutputPipe(output.readEnd)),
      stderr: quiet(new OutputPipe(errors.readEnd, head)),
      head,
      resize: null,
    };
  } catch (error) {
    for (const fd of ends) closeSync(fd);
    throw error;
  }
}

/** End of transmission, as Ctrl-D sends it: a terminal has no other end of input. */
const EOT = "\x04";

export function openTerminalStdio(user: HostUser | null, size: TerminalSize): Stdio {
  const { master, slave } = openTerminal(size);
  if (user !== null) fchownSync(slave, user.uid, user.gid);
  const stdout = quiet(new ReadStream(master));
  const send = (bytes: Buffer | string, done: (error?: Error | null) => void): void => {
    if (stdout.destroyed) done();
    else stdout.write(bytes, done);
  };
  return {
    childEnds: [slave, slave, slave],
    stdin: quiet(
      new Writable({
        write: (chunk: Buffer, _encoding, done) => send(chunk, done),
        final: (done) => send(EOT, done),
      }),
    ),
    stdout,
    stderr: Readable.from([]),
    head: headOf(stdout),
    resize: (changed) => {
      if (!stdout.destroyed) setTerminalSize(master, changed);
    },
  };
}
