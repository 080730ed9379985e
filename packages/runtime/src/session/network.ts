/** Brings up `nat` for a session: closes ranges by routes, then starts the user-mode network stack. */
import { closeSync, statSync } from "node:fs";
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
import { closingRoutes, hostAddresses, PRIVATE_TUN_SCRIPT, slirpArguments } from "../sandbox/network.js";
import type { HostUser } from "../sandbox/spec.js";

export interface NetworkTarget {
  keeperPid: number;
  initPid: number;
  user: HostUser | null;
  /** Until then the network has no loopback. */
  ready: Promise<void>;
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

async function closeRanges(target: NetworkTarget): Promise<void> {
  const keeper = `/proc/${String(target.keeperPid)}/ns/user`;
  const { code, stderr } = await run(
    requireProgram("nsenter"),
    [
      ...(target.user === null ? ["--preserve-credentials"] : []),
      ...[`--user=${keeper}`, `--net=/proc/${String(target.initPid)}/ns/net`],
      ...[requireProgram("ip"), "-batch", "-"],
    ],
    // Started by root, nsenter becomes the session's user by itself.
    { user: null, input: closingRoutes(hostAddresses(networkInterfaces())) },
  );
  if (code !== 0) {
    throw new RuntimeError("network_unavailable", `private networks could not be closed: ${stderr}`);
  }
}

function stackCommand(target: NetworkTarget): [file: string, args: string[], user: HostUser | null] {
  const slirp = requireProgram("slirp4netns");
  const args = slirpArguments({ ...target, exitFd: 3, readyFd: 4 });
  const { user } = target;
  if (user === null || openToAll(TUN_DEVICE)) return [slirp, args, user];
  const ids = [String(user.uid), String(user.gid)];
  const script = ["--mount", "/bin/sh", "-c", PRIVATE_TUN_SCRIPT, "network", ...ids, slirp, ...args];
  return [requireProgram("unshare"), script, null];
}

interface StackProcess {
  child: StartedProcess;
  ready: Socket;
  stderr: Socket;
}

function startStackProcess(target: NetworkTarget, lifeReadEnd: number): StackProcess {
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

function startStack(target: NetworkTarget): Promise<NetworkStack> {
  const life = createPipe();
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    closeSync(life.writeEnd);
  };
  return new Promise<NetworkStack>((resolve, reject) => {
    const { child, ready, stderr: errors } = startStackProcess(target, life.readEnd);
    const stderr = collectText(errors);
    const exited = child.ended.then(() => undefined);
    const fail = (message: string): void => {
      stop();
      child.kill("SIGKILL");
      reject(new RuntimeError("network_unavailable", message, { stderr: stderr() }));
    };
    const timer = setTimeout(() => {
      fail(`the network was not up within ${String(NETWORK_START_MS_MAX)} ms`);
    }, NETWORK_START_MS_MAX);
    ready.once("data", () => {
      clearTimeout(timer);
      ready.destroy();
      resolve({ exited, stop });
    });
    void Promise.all([exited, untilClosed(errors)]).then(() => {
      clearTimeout(timer);
      fail(`the network could not be brought up: ${stderr()}`);
    });
  })
    .catch((error: unknown) => {
      stop();
      throw error;
    })
    .finally(() => {
      closeSync(life.readEnd);
    });
}

/**
 * The routes stand before the way out opens, so that no command ever sees it unprotected. Init's loopback does, too: slirp4netns
 * would bring it up itself, and bwrap fail.
 */
export async function startNat(target: NetworkTarget): Promise<NetworkStack> {
  for (const step of await Promise.allSettled([closeRanges(target), target.ready]))
    if (step.status === "rejected") throw step.reason;
  return startStack(target);
}
