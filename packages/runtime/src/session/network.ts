/** Brings up `nat` for a session: closes ranges by routes, then starts the user-mode network stack. */
import { closeSync, statSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { RuntimeError } from "../errors.js";
import { NETWORK_START_MS_MAX } from "../limits.js";
import type { StartedProcess } from "../platform/children.js";
import { createPipe } from "../platform/libc.js";
import { requireProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import { collectText } from "../platform/spawn.js";
import { openNull, openOutput, start, untilClosed } from "../platform/start.js";
import {
  closingRoutes,
  hostAddresses,
  PRIVATE_TUN_SCRIPT,
  slirpArguments,
  waitScript,
} from "../sandbox/network.js";
import type { HostUser } from "../sandbox/spec.js";

/** A session whose network is to be set up. */
export interface NatTarget {
  /** Holds the network. */
  keeperPid: number;
  user: HostUser | null;
  /** Resolves when there is one. */
  unshared: Promise<void>;
}

export interface NetworkStack {
  readonly exited: Promise<void>;
  /** Idempotent. The stack also ends when this process does, because it holds the other end of its pipe. */
  stop(): void;
}

const TUN_DEVICE = "/dev/net/tun";
const OTHERS_READ_WRITE = 0o006;

function openToAll(path: string): boolean {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & OTHERS_READ_WRITE) === OTHERS_READ_WRITE;
}

async function closeRanges({ keeperPid, user }: NatTarget): Promise<void> {
  const keeper = `/proc/${String(keeperPid)}/ns`;
  const { code, stderr } = await run(
    requireProgram("nsenter"),
    [
      ...(user === null ? ["--preserve-credentials"] : []),
      ...[`--user=${keeper}/user`, `--net=${keeper}/net`],
      ...[requireProgram("ip"), "-batch", "-"],
    ],
    // Started by root, nsenter becomes the session's user by itself.
    { user: null, input: closingRoutes(hostAddresses(networkInterfaces())) },
  );
  if (code !== 0) {
    throw new RuntimeError("network_unavailable", `private networks could not be closed: ${stderr}`);
  }
}

const FD = { exit: 3, ready: 4 } as const;

/** Of a program that waits for its word, and has all that it needs by then. */
function stackCommand(target: NatTarget): [file: string, args: string[], user: HostUser | null] {
  const slirp = slirpArguments({ ...target, exitFd: FD.exit, readyFd: FD.ready });
  const wait = ["-c", waitScript(FD.exit), "network", requireProgram("slirp4netns"), ...slirp];
  const { user } = target;
  if (user === null || openToAll(TUN_DEVICE)) return ["/bin/sh", wait, user];
  const ids = [String(user.uid), String(user.gid)];
  const script = ["--mount", "/bin/sh", "-c", PRIVATE_TUN_SCRIPT, "network", ...ids, "/bin/sh", ...wait];
  return [requireProgram("unshare"), script, null];
}

interface StackProcess {
  child: StartedProcess;
  ready: Socket;
  stderr: Socket;
}

function startStackProcess(target: NatTarget, lifeReadEnd: number): StackProcess {
  const [file, args, user] = stackCommand(target);
  const [stderr, ready, ignored] = [openOutput(), openOutput(), openNull()];
  try {
    const stdio = [ignored, ignored, stderr.writeEnd, lifeReadEnd, ready.writeEnd];
    const child = start(file, args, { user, stdio });
    return { child, ready: ready.stream, stderr: stderr.stream };
  } catch (error) {
    for (const { stream } of [stderr, ready]) stream.destroy();
    throw error;
  } finally {
    for (const fd of [stderr.writeEnd, ready.writeEnd, ignored]) closeSync(fd);
  }
}

interface WaitingStack extends NetworkStack {
  /** Opens the way out. */
  connect(): Promise<void>;
}

/** Takes what it needs while the session's network is still on the way, and waits. */
function prepareStack(target: NatTarget): WaitingStack {
  const life = createPipe();
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    closeSync(life.writeEnd);
  };
  let stack: StackProcess;
  try {
    stack = startStackProcess(target, life.readEnd);
  } catch (error) {
    stop();
    throw error;
  } finally {
    closeSync(life.readEnd);
  }
  const { child, ready, stderr } = stack;
  const text = collectText(stderr);
  const exited = child.ended.then(() => undefined);
  const lastWords = Promise.all([exited, untilClosed(stderr)]).then(text);
  const connect = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (message: string): void => {
        child.kill("SIGKILL");
        reject(new RuntimeError("network_unavailable", message, { stderr: text() }));
      };
      const timer = setTimeout(() => {
        fail(`the network was not up within ${String(NETWORK_START_MS_MAX)} ms`);
      }, NETWORK_START_MS_MAX);
      ready.once("data", () => {
        clearTimeout(timer);
        ready.destroy();
        resolve();
      });
      void lastWords.then((said) => {
        clearTimeout(timer);
        fail(`the network could not be brought up: ${said}`);
      });
      writeSync(life.writeEnd, "\n");
    });
  return { exited, stop, connect };
}

/** The routes stand before the way out opens, so that no command ever sees it unprotected. */
export async function startNat(target: NatTarget): Promise<NetworkStack> {
  const stack = prepareStack(target);
  try {
    await target.unshared;
    await closeRanges(target);
    await stack.connect();
    return stack;
  } catch (error) {
    stack.stop();
    await stack.exited;
    throw error;
  }
}
