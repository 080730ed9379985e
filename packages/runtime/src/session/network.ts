/** Brings up `nat` for a session: closes ranges by routes, then starts the user-mode network stack. */
import { closeSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { RuntimeError } from "../errors.js";
import { NETWORK_START_MS_MAX } from "../limits.js";
import { createPipe } from "../platform/libc.js";
import { requireProgram } from "../platform/programs.js";
import { collectText, launch, run } from "../platform/spawn.js";
import { closingRoutes, hostAddresses, PRIVATE_TUN_SCRIPT, slirpArguments } from "../sandbox/network.js";
import type { HostUser } from "../sandbox/spec.js";

export interface NetworkTarget {
  keeperPid: number;
  initPid: number;
  user: HostUser | null;
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
      ...["--preserve-credentials", `--user=${keeper}`, `--net=/proc/${String(target.initPid)}/ns/net`],
      ...[requireProgram("ip"), "-batch", "-"],
    ],
    { user: target.user, input: closingRoutes(hostAddresses(networkInterfaces())) },
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

function startStack(target: NetworkTarget): Promise<NetworkStack> {
  const life = createPipe();
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    closeSync(life.writeEnd);
  };
  return new Promise<NetworkStack>((resolve, reject) => {
    const [file, args, user] = stackCommand(target);
    const child = launch(
      file,
      args,
      // Its messages go where nobody waits for them: a pipe left full would stop it.
      { user, stdio: ["ignore", "ignore", "pipe", life.readEnd, "pipe"] },
    );
    const stderr = collectText(child.stderr);
    const exited = new Promise<void>((settle) => {
      child.once("error", () => {
        settle();
      });
      child.once("exit", () => {
        settle();
      });
    });
    const fail = (message: string): void => {
      stop();
      child.kill("SIGKILL");
      reject(new RuntimeError("network_unavailable", message, { stderr: stderr() }));
    };
    const timer = setTimeout(() => {
      fail(`the network was not up within ${String(NETWORK_START_MS_MAX)} ms`);
    }, NETWORK_START_MS_MAX);
    const ready = child.stdio[4];
    ready?.once("data", () => {
      clearTimeout(timer);
      ready.destroy();
      resolve({ exited, stop });
    });
    ready?.on("error", () => undefined);
    child.once("error", () => {
      clearTimeout(timer);
      fail("slirp4netns could not be started");
    });
    child.once("close", () => {
      clearTimeout(timer);
      fail(`the network could not be brought up: ${stderr()}`);
    });
  }).finally(() => {
    closeSync(life.readEnd);
  });
}

/** The routes stand before the way out opens, so that no command ever sees it unprotected. */
export async function startNat(target: NetworkTarget): Promise<NetworkStack> {
  await closeRanges(target);
  return startStack(target);
}
