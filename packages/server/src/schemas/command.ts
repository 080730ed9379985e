import { constants } from "node:os";
import { z } from "@hono/zod-openapi";
import type { Command, SelfTestCheck, SessionProcess } from "@chaser/runtime";
import { toServerError } from "../errors.js";
import { bytes, flag, id, limitsHit, rfc3339, time, warnings } from "./fields.js";

export const commandParams = z.object({
  session: z.string().openapi({ param: { name: "session", in: "path" } }),
  command: z.string().openapi({ param: { name: "command", in: "path" } }),
});

export const commandSchema = z
  .object({
    id,
    session_id: id,
    kind: z.enum(["foreground", "background", "terminal"]),
    command: z.string().openapi({ description: "what was run, in one line, cut when it is long" }),
    status: z.enum(["running", "exited", "failed"]).openapi({
      description: "`failed`: it could not be run, and `error` says why",
    }),
    pid: z.number().int().nullable().openapi({ description: "inside the session" }),
    exit_code: z.number().int().nullable(),
    signal: z.string().nullable(),
    timed_out: z.boolean(),
    limits_hit: limitsHit,
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    started_at: time,
    ended_at: time.nullable(),
    duration_ms: z.number().int().nullable(),
    output_bytes: bytes.nullable().openapi({ description: "printed so far; null in the foreground" }),
    output_dropped_bytes: bytes.nullable().openapi({ description: "of these, no longer to be had" }),
    stdin_bytes: bytes.openapi({ description: "of input received: the offset of the next byte" }),
  })
  .openapi("Command");

export type CommandView = z.infer<typeof commandSchema>;

export function commandView(command: Command, sessionId: string): CommandView {
  const { result, error, output } = command;
  return {
    id: command.id,
    session_id: sessionId,
    kind: command.kind,
    command: command.title,
    status: command.state,
    pid: command.pid,
    exit_code: result?.exitCode ?? null,
    signal: result?.signal ?? null,
    timed_out: result?.timedOut ?? false,
    limits_hit: result?.limitsHit ?? [],
    error: error === null ? null : errorView(error),
    started_at: rfc3339(command.startedAtMs),
    ended_at: command.endedAtMs === null ? null : rfc3339(command.endedAtMs),
    duration_ms: result === null ? null : Math.round(result.durationMs),
    output_bytes: output?.endOffset ?? null,
    output_dropped_bytes: output?.startOffset ?? null,
    stdin_bytes: command.input.receivedBytes,
  };
}

function errorView(error: unknown): { code: string; message: string } {
  const { code, message } = toServerError(error);
  return { code, message };
}

export const backgroundSchema = z
  .object({ command_id: id, pid: z.number().int().nullable(), session_id: id, warnings })
  .openapi("BackgroundCommand");

const byteOffset = z.coerce.number().int().min(0).openapi({ type: "integer" });

export const streamQuery = z.object({
  offset: byteOffset.optional().openapi({
    description: "of the first byte of output wanted; the header Last-Event-ID goes before it",
  }),
});

export const stdinQuery = z.object({
  offset: byteOffset.optional().openapi({
    description: "of the first byte sent, counted from the start of the input; makes a resend safe",
  }),
  eof: flag.optional().openapi({ description: "there will be no more input" }),
});

export const stdinSchema = z
  .object({
    received_bytes: bytes.openapi({
      description: "in all. Less than was sent when the command does not read: send the rest again from here",
    }),
    eof: z.boolean(),
  })
  .openapi("InputState");

const signalNames = Object.keys(constants.signals) as [NodeJS.Signals, ...NodeJS.Signals[]];

export const signalName = z.enum(signalNames, { error: "must be the name of a signal, as in SIGTERM" });

export const killBody = z.strictObject({ signal: signalName.optional() }).openapi("Kill");

export const processSchema = z
  .object({
    pid: z.number().int(),
    parent_pid: z.number().int(),
    name: z.string(),
    command_id: z
      .string()
      .nullable()
      .openapi({ description: "the command it comes from, where that is known" }),
  })
  .openapi("Process");

export function processView(process: SessionProcess): z.infer<typeof processSchema> {
  return {
    pid: process.pid,
    parent_pid: process.parentPid,
    name: process.name,
    command_id: process.commandId,
  };
}

export const selfTestSchema = z
  .object({
    ok: z.boolean(),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  })
  .openapi("SelfTest");

export function selfTestView(checks: SelfTestCheck[]): z.infer<typeof selfTestSchema> {
  return { ok: checks.every(({ ok }) => ok), checks };
}
