/** The engine's thread: opens the store, then runs calls one after the other. */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { toPlain } from "../plain-error.js";
import { linuxFiles } from "../platform/linux.js";
import { OpenDescriptors } from "../platform/open-descriptors.js";
import { stoppableLocks } from "../platform/stoppable-locks.js";
import { Engine } from "./engine.js";
import type { Hooks } from "./hooks.js";
import type { FromEngine, StartOptions, ToEngine } from "./messages.js";

/** A person's eye wants no more. */
const progressIntervalMs = 100;

export interface ThreadData extends StartOptions {
  /** One word: the id of the call that shall stop. Shared memory, because a busy thread reads no messages. */
  aborted: Int32Array;
  /** Of `OpenDescriptors`. */
  descriptors: SharedArrayBuffer;
}

const port = parentPort as MessagePort;
const { root, create, capBytes, aborted, descriptors } = workerData as ThreadData;

function send(message: FromEngine): void {
  port.postMessage(message);
}

/** The id of the call that runs. */
let running = 0;

function isStopped(): boolean {
  return running !== 0 && Atomics.load(aborted, 0) === running;
}

function hooksFor(id: number): Hooks {
  let lastMs = performance.now();
  return {
    isAborted: isStopped,
    onProgress: (progress) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < progressIntervalMs) return;
      lastMs = nowMs;
      send({ kind: "progress", id, progress });
    },
  };
}

function run(engine: Engine, message: Extract<ToEngine, { kind: "call" }>): void {
  const { id, method, args } = message;
  running = id;
  try {
    send({ kind: "result", id, value: engine.run(hooksFor(id), method, args as never) });
  } catch (error) {
    send({ kind: "error", id, error: toPlain(error) });
  } finally {
    running = 0;
  }
}

try {
  const files = new OpenDescriptors(descriptors).noted(linuxFiles);
  const engine = Engine.open(stoppableLocks(files, isStopped), root, {
    create,
    withThreads: true,
    ...(capBytes === null ? {} : { capBytes }),
  });
  port.on("message", (message: ToEngine) => {
    if (message.kind === "call") run(engine, message);
    else if (message.kind === "close") {
      engine.close();
      send({ kind: "closed" });
      port.close();
    }
  });
  send({ kind: "ready" });
} catch (error) {
  send({ kind: "failed", error: toPlain(error) });
  port.close();
}
