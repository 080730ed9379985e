import { errorStatus, type ErrorCode } from "@chaser/server/error-status";
import { CliError } from "../errors.js";
import { exitCode, exitCodeOfAnswer } from "../exit.js";
import { defaultServerUrl } from "./address.js";

/** Who was asked, and whether with a key. */
interface Sender {
  url: string;
  apiKey?: string | undefined;
}

interface ErrorAnswer {
  error?: {
    code?: unknown;
    message?: unknown;
    details?: unknown;
    suggestion?: unknown;
    request_id?: unknown;
  };
}

/** The error that an event or message of a stream stands for: as if it had been the answer, whose status its code tells. */
export function streamError(text: string, sender: Sender): CliError {
  const code = String(parseError(text)?.code);
  const isKnown = Object.hasOwn(errorStatus, code);
  return answerError(errorStatus[isKnown ? (code as ErrorCode) : "internal"], text, sender);
}

/** The error that an answer with status 400 or above stands for. `text` is its body, whatever that is. */
export function answerError(status: number, text: string, sender: Sender): CliError {
  const given = parseError(text);
  if (typeof given?.code !== "string" || typeof given.message !== "string")
    return new CliError("bad_answer", `${sender.url} answered with status ${status} and no explanation`, {
      exitCode: exitCodeOfAnswer(status, ""),
      suggestion: "check CHASER_API_URL: this may not be a chaser server",
    });
  if (status === 401) return unauthorized(given.message, sender);
  return new CliError(given.code, given.message, {
    exitCode: exitCodeOfAnswer(status, given.code),
    suggestion: textOf(given.suggestion),
    details: isRecord(given.details) ? given.details : undefined,
    requestId: textOf(given.request_id),
  });
}

function unauthorized(message: string, sender: Sender): CliError {
  if (sender.apiKey === undefined)
    return new CliError("no_api_key", `there is no API key for ${sender.url}`, {
      exitCode: exitCode.unreachable,
      suggestion: "set CHASER_API_KEY; the key was printed when `chaser serve` first started",
    });
  return new CliError("unauthorized", message, {
    exitCode: exitCode.unreachable,
    suggestion: `the API key is not one of the server at ${sender.url}; set CHASER_API_KEY to one that is`,
  });
}

const unreachableCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EPIPE",
]);

/** The error for a request that got no answer: the signal's reason when it was aborted. */
export function connectionError(error: Error, url: string, signal: AbortSignal | undefined): Error {
  if (signal?.aborted === true) return signal.reason as Error;
  const systemCode = (error as NodeJS.ErrnoException).code ?? "";
  const reason = unreachableCodes.has(systemCode) ? "" : `: ${error.message}`;
  return new CliError("no_server", `no server answers at ${url}${reason}`, {
    exitCode: exitCode.unreachable,
    suggestion:
      url === defaultServerUrl
        ? "start one with `chaser serve`, or set CHASER_API_URL"
        : "check CHASER_API_URL, or start a server with `chaser serve`",
    cause: error,
  });
}

function parseError(text: string): ErrorAnswer["error"] {
  try {
    return (JSON.parse(text) as ErrorAnswer | null)?.error;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
