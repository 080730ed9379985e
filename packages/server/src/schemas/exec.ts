import { z } from "@hono/zod-openapi";
import { ENVIRONMENT_NAME, type ExecResult } from "@chaser/runtime";
import { argumentBytesMax, argumentsTotalBytesMax, commandTimeoutMsMax } from "../limits.js";
import type { CommandOutcome } from "../sessions/command.js";
import type { CommandView } from "./command.js";
import { imageReference, limitsHit, processText, sandboxUser, terminalCells, warnings } from "./fields.js";

const argument = processText(argumentBytesMax);

function totalBytes(texts: string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
}

const tooLarge = { error: `must be at most ${argumentsTotalBytesMax} bytes in all` };

const commandFields = {
  command: z
    .union([argument.min(1), z.array(argument).min(1)], {
      error: "must be a text for /bin/sh -c, or a list of a program and its arguments",
    })
    .refine((command) => typeof command === "string" || command[0] !== "", { error: "names no program" })
    .refine(
      (command) => typeof command === "string" || totalBytes(command) <= argumentsTotalBytesMax,
      tooLarge,
    )
    .openapi({ example: "npm test" }),
  cwd: argument
    .refine((path) => path.startsWith("/"), { error: "must be an absolute path" })
    .optional()
    .openapi({ description: "default /workspace" }),
  env: z
    .record(z.string().regex(ENVIRONMENT_NAME, { error: "must be a variable's name" }), argument)
    .refine((env) => totalBytes(Object.entries(env).flat()) <= argumentsTotalBytesMax, tooLarge)
    .optional(),
  user: sandboxUser.optional(),
  timeout_ms: z
    .number()
    .int()
    .min(1)
    .max(commandTimeoutMsMax)
    .optional()
    .openapi({ description: "default: none" }),
  background: z
    .boolean()
    .optional()
    .openapi({ description: "answer at once with the command's id; its output is kept and can be followed" }),
  terminal: z
    .strictObject({ columns: terminalCells.optional(), rows: terminalCells.optional() })
    .optional()
    .openapi({
      description:
        "with background: give it a terminal of this size (default 80 by 24) instead of pipes; its id is a pty_id to attach to",
    }),
  stdin: z.string().optional().openapi({ description: "the command's whole input, unless stdin_open" }),
  stdin_open: z.boolean().optional().openapi({
    description:
      "leave the input open for .../commands/{command}/stdin. Default: true in the background without stdin, else false",
  }),
  max_output_bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().openapi({
    description:
      "output beyond it is counted and cut. In a JSON answer at most 1 MiB, which is its default; a stream of events has no limit",
  }),
};

export const sessionExecBody = z.strictObject(commandFields).openapi("SessionExec");

export const execBody = z
  .strictObject({
    workspace: z.string().min(1).optional(),
    ephemeral: z.boolean().optional(),
    image: imageReference.optional(),
    ...commandFields,
  })
  .openapi("Exec");

export type ExecRequest = z.infer<typeof sessionExecBody>;

export const execSchema = z
  .object({
    exit_code: z
      .number()
      .int()
      .openapi({ description: "128 + n when killed by signal n; 124 when timed out" }),
    output: z
      .string()
      .openapi({ description: "stdout and stderr as they arrived; bytes that are not UTF-8 are replaced" }),
    stdout: z.string(),
    stderr: z.string(),
    output_truncated: z.boolean(),
    timed_out: z.boolean(),
    limits_hit: limitsHit,
    signal: z.string().nullable(),
    duration_ms: z.number().int(),
    session_id: z.string(),
    warnings,
  })
  .openapi("ExecResult");

/** The last event of a stream. */
export function completeView(result: ExecResult, output: { outputBytes: number; truncated: boolean }) {
  return {
    exit_code: result.exitCode,
    signal: result.signal,
    timed_out: result.timedOut,
    limits_hit: output.truncated ? [...result.limitsHit, "output"] : result.limitsHit,
    duration_ms: Math.round(result.durationMs),
    output_bytes: output.outputBytes,
    output_truncated: output.truncated,
  };
}

/** The same of a command whose session has ended. */
export function keptCompleteView(view: CommandView) {
  const { exit_code, signal, timed_out, limits_hit, duration_ms, output_bytes } = view;
  return { exit_code, signal, timed_out, limits_hit, duration_ms, output_bytes, output_truncated: false };
}

export function execView(
  outcome: CommandOutcome,
  { sessionId, warnings }: { sessionId: string; warnings: string[] },
): z.infer<typeof execSchema> {
  const output = outcome.output.toString();
  return {
    exit_code: outcome.exitCode,
    output,
    // Most commands print to one of them: then it is the same text, and is held once.
    stdout: outcome.stderr.length === 0 ? output : outcome.stdout.toString(),
    stderr: outcome.stdout.length === 0 ? output : outcome.stderr.toString(),
    output_truncated: outcome.outputTruncated,
    timed_out: outcome.timedOut,
    limits_hit: outcome.limitsHit,
    signal: outcome.signal,
    duration_ms: Math.round(outcome.durationMs),
    session_id: sessionId,
    warnings,
  };
}
