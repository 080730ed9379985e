/** The engine's process: passes messages between its parent's channel and an engine thread, and ends with its parent. */
import { startThread } from "./start-thread.js";
import { toPlain } from "../plain-error.js";
import type { FromEngine, StartOptions, ToEngine } from "./messages.js";

const options = JSON.parse(process.argv[2] ?? "{}") as StartOptions;

// The parent's death closes the channel; locks are freed and attachments end with this process.
process.on("disconnect", () => process.exit(0));

function send(message: FromEngine): void {
  if (process.connected) process.send?.(message);
}

const channel = startThread(options);
let isClosing = false;
const aborts = new Map<number, AbortController>();

async function run(message: Extract<ToEngine, { kind: "call" }>): Promise<void> {
  const { id } = message;
  const abort = new AbortController();
  aborts.set(id, abort);
  try {
    const value = await channel.call(message.method, message.args as never, {
      signal: abort.signal,
      onProgress: (progress) => send({ kind: "progress", id, progress }),
    });
    send({ kind: "result", id, value });
  } catch (error) {
    send({ kind: "error", id, error: toPlain(error) });
  } finally {
    aborts.delete(id);
  }
}

process.on("message", (message: ToEngine) => {
  switch (message.kind) {
    case "call":
      void run(message);
      break;
    case "abort":
      aborts.get(message.id)?.abort();
      break;
    case "close":
      isClosing = true;
      void channel.close().then(() => send({ kind: "closed" }));
      break;
  }
});

try {
  await channel.ready;
  send({ kind: "ready" });
  // An engine that died answers nobody, and what it had is to be free.
  void channel.ended.then((reason) => {
    if (!isClosing) process.stderr.write(`${reason.message}\n`, () => process.exit(1));
  });
} catch (error) {
  send({ kind: "failed", error: toPlain(error) });
}
