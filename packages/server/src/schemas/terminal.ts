import { z } from "@hono/zod-openapi";
import { argumentBytesMax, terminalCellsMax } from "../limits.js";
import { processText, sandboxUser, terminalCells } from "./fields.js";
import { signalName } from "./command.js";

const cells = z.coerce.number().int().min(1).max(terminalCellsMax).openapi({ type: "integer" });

export const terminalQuery = z.object({
  mode: z.enum(["human", "agent", "exec"]).optional().openapi({
    description:
      "human: a login shell. agent: the same without colours, pagers and a decorated prompt. exec: `command`. Default human",
  }),
  command: processText(argumentBytesMax).min(1).optional().openapi({ description: "with mode exec" }),
  cwd: processText(argumentBytesMax)
    .refine((path) => path.startsWith("/"), { error: "must be an absolute path" })
    .optional(),
  user: sandboxUser.optional(),
  columns: cells.optional().openapi({ description: "default 80" }),
  rows: cells.optional().openapi({ description: "default 24" }),
  pty_id: z.string().optional().openapi({ description: "attach to this terminal instead of opening one" }),
  offset: z.coerce.number().int().min(0).optional().openapi({
    type: "integer",
    description: "with pty_id: of the first byte wanted; default: all that is kept",
  }),
});

export type TerminalQuery = z.infer<typeof terminalQuery>;

/** What a client says in a text message; a binary one is typed in. */
export const terminalControl = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("resize"),
    columns: terminalCells,
    rows: terminalCells,
  }),
  z.strictObject({ type: z.literal("signal"), signal: signalName }),
]);
