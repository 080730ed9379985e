import { CliError } from "./errors.js";
import { exitCode } from "./exit.js";

const exitCodes = { SIGINT: exitCode.interrupted, SIGTERM: exitCode.terminated, SIGHUP: 129 } as const;

/**
 * Makes Ctrl-C end work cleanly: the signal that is returned aborts with an error that carries the exit code.
 * Whoever presses Ctrl-C again does not want to wait for that.
 */
export function openInterrupt(process: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    const code = exitCodes[name as keyof typeof exitCodes];
    if (controller.signal.aborted) process.exit(code);
    controller.abort(new CliError("interrupted", "interrupted", { exitCode: code }));
  };
  for (const name of Object.keys(exitCodes)) process.on(name, onSignal);
  return controller.signal;
}
