import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

/** Why a server did not start, with the way on. */
export function serveError(error: unknown, tried: { listen: string; directory: string }): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE")
    return new CliError("listen_failed", `something else listens on ${tried.listen} already`, {
      exitCode: exitCode.conflict,
      suggestion: "a server may be running; else choose another address with --listen",
      cause: error,
    });
  if (code === "EACCES" || code === "EPERM")
    return new CliError("failed", `${error.message}`, {
      exitCode: exitCode.unreachable,
      suggestion: `choose a directory that is yours with --data (now ${tried.directory}), and a port above 1023`,
      cause: error,
    });
  if (error.name === "DataDirectoryInUseError")
    return new CliError("failed", error.message, {
      exitCode: exitCode.conflict,
      suggestion: "stop that server, or give this one its own --data",
      cause: error,
    });
  if (error.name === "ServerError") {
    const { suggestion } = error as Error & { suggestion?: string };
    const isUsage = code === "invalid_request";
    return new CliError(code ?? "failed", error.message, {
      exitCode: isUsage ? exitCode.usage : exitCode.failure,
      suggestion: suggestion ?? (isUsage ? undefined : "`chaser doctor` says what this machine lacks"),
      cause: error,
    });
  }
  return error;
}
