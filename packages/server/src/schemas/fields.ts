import { z } from "@hono/zod-openapi";
import { LIMIT_NAMES } from "@chaser/runtime";
import { nameLengthMax, pageSizeMax, terminalCellsMax } from "../limits.js";
import { nameProblem } from "../workspaces/names.js";

/** What a workspace or a snapshot may be called. */
export const name = z
  .string()
  .superRefine((text, context) => {
    const problem = nameProblem(text);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  })
  .openapi({ minLength: 1, maxLength: nameLengthMax, example: "my-project" });

export const id = z.string().openapi({ format: "uuid" });

/** In name alone: what is root on no machine cannot be more than uid 1000 is. */
export const sandboxUser = z.enum(["root"]).openapi({
  description:
    "with an image: be uid 0 inside, with no more rights, so that package managers work. Changing owners and users looks done and is not. Default: uid 1000",
});

export const imageReference = z
  .string()
  .min(1)
  .max(512)
  .openapi({ description: "an OCI image by tag or digest", example: "debian:12" });

export const time = z.string().openapi({ format: "date-time", description: "RFC 3339, UTC" });

export const bytes = z.number().int().openapi({ description: "bytes" });

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

/** A switch in a query string. Its name alone turns it on. */
export const flag = z
  .enum(["true", "false", "1", "0", ""], { error: "must be true or false" })
  .transform((text) => text !== "false" && text !== "0")
  .openapi({ type: "boolean" });

export const workspaceParam = z
  .string()
  .openapi({ param: { name: "workspace", in: "path" }, description: "name, in any case, or id" });

export const snapshotParam = z
  .string()
  .openapi({ param: { name: "snapshot", in: "path" }, description: "name, in any case, or id" });

/** `limit` and `cursor` of a list; the next cursor is in the `X-Next-Cursor` header. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(pageSizeMax).optional().openapi({ type: "integer" }),
  cursor: z.string().max(100).optional(),
};

/** Text that becomes an argument or an environment entry of a process, where NUL would end it. */
export function processText(bytesMax: number): z.ZodString {
  return z
    .string()
    .refine((text) => !text.includes("\0"), { error: "must not hold a NUL character" })
    .refine((text) => Buffer.byteLength(text) <= bytesMax, { error: `must be at most ${bytesMax} bytes` });
}

/** Of a terminal, in either direction. */
export const terminalCells = z.number().int().min(1).max(terminalCellsMax);

export const limitsHit = z.array(z.enum(LIMIT_NAMES)).openapi({
  description:
    "limits that were reached while the command ran; memory, processes, tmp and open_files are those of the whole session, " +
    "so another command of it may have been the one. A full disk ends the session: workspace_disk_full",
});

/** What went otherwise than will be expected while the session was started for this call. */
export const warnings = z.array(z.string()).openapi({
  description:
    "what to know of the session that was started for this, such as a repository that could not be fetched again",
});
