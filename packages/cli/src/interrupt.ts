import { CliError } from "./errors.js";
import { exitCode } from "./exit.js";

const exitCodes = { SIGINT: exitCode.interrupted, SIGTERM: exitCode.terminated, SIGHUP: 129 } as const;
const signalNames = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Passes Ctrl-C on to whoever can do something about it. When it is pressed again the signal that is returned aborts,
 * and after that the process ends.
 */
export function forwardInterrupt(
  process: NodeJS.Process,
  send: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => void,
): AbortSignal {
  let sent = false;
  const forward = (name: NodeJS.Signals): void => {
    if (sent) return;
    sent = true;
    for (const signal of signalNames) process.off(signal, forward);
    openInterrupt(process, controller);
    send(name as (typeof signalNames)[number]);
  };
  const controller = new AbortController();
  for (const name of signalNames) process.on(name, forward);
  return controller.signal;
}

/**
 * Makes Ctrl-C end work cleanly: the signal that is returned aborts with an error that carries the exit code.
 * Whoever presses Ctrl-C again does not want to wait for that.
 */
export function openInterrupt(process: NodeJS.Process, controller = new AbortController()): AbortSignal {
  const onSignal = (name: NodeJS.Signals): void => {
    const code = exitCodes[name as keyof typeof exitCodes];
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new CliError("interrupted", "interrupted", { exitCode: code }));
  };
  for (const name of signalNames) process.on(name, onSignal);
  return controller.signal;
}
