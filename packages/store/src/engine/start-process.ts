/** Starts an engine in a child process with rights of its own. */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { EngineHost } from "../api.js";
import { StoreError } from "../errors.js";
import { EngineChannel } from "./channel.js";
import { entryModule } from "./entry.js";
import { exposureCommand, planExposure } from "./exposure.js";
import type { FromEngine, StartOptions, ToEngine } from "./messages.js";

/** Keeps the last of what a child writes to its standard error, to say why it did not start. */
const stderrBytesMax = 4096;

export function startProcess(
  host: Extract<EngineHost, { kind: "process" }>,
  options: StartOptions,
): EngineChannel {
  const channel = new EngineChannel();
  const child = spawnChild(host, options);
  let stderr = "";
  child.stderr?.on("data", (text: Buffer) => {
    stderr = (stderr + text.toString("utf8")).slice(-stderrBytesMax);
  });
  child.on("message", (message) => channel.receive(message as FromEngine));
  child.on("error", (error) => channel.end(startError(error.message)));
  let isReady = false;
  channel.ready.then(
    () => (isReady = true),
    () => undefined,
  );
  const exited = new Promise<void>((resolve) => {
    child.on("close", (code, signal) => {
      const how = signal ?? `exit code ${code}`;
      const what = `the engine process has ended (${how}) ${stderr.trim()}`.trim();
      channel.end(isReady ? new StoreError("closed", what) : startError(what));
      resolve();
    });
    child.on("error", () => resolve());
  });
  channel.connect({
    send: (message: ToEngine) => {
      if (child.connected) child.send(message, () => undefined);
    },
    keepAlive: (isNeeded) => {
      for (const handle of [child, child.channel, child.stderr as Socket | null]) {
        if (isNeeded) handle?.ref();
        else handle?.unref();
      }
    },
    terminate: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  });
  return channel;
}

function startError(reason: string): StoreError {
  return new StoreError("unsupported", `no engine process: ${reason}`);
}

/**
 * `unshare` gives the child a user namespace in which it keeps its own ids and holds every capability over files that are
 * its own: it may read a file of mode 000 and make whiteouts. It has no more rights over the files of others.
 */
function spawnChild(host: Extract<EngineHost, { kind: "process" }>, options: StartOptions): ChildProcess {
  const childPath = fileURLToPath(entryModule("child"));
  const command = [
    ...["unshare", "--user", "--map-current-user", "--keep-caps", "--"],
    ...[process.execPath, childPath, JSON.stringify(options)],
  ];
  const spawnOptions: SpawnOptions = {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    env: { PATH: process.env["PATH"] },
    cwd: "/",
  };
  const start = ([program = "", ...args]: string[], more: SpawnOptions = {}): ChildProcess =>
    spawn(program, args, { ...spawnOptions, ...more });
  if (host.uid === undefined) return start(command);
  const user = { uid: host.uid, gid: host.gid ?? host.uid };
  const exposure = planExposure([childPath, realpathSync(process.execPath)], isSearchableByAll);
  return exposure.shown.length === 0 ? start(command, user) : start(exposureCommand(exposure, user, command));
}

function isSearchableByAll(directory: string): boolean {
  return (statSync(directory).mode & 0o001) !== 0;
}
