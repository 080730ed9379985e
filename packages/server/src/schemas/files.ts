import { z } from "@hono/zod-openapi";
import { bytes, processText } from "./fields.js";

const pathBytesMax = 4095;

const path = processText(pathBytesMax).min(1).openapi({
  description: "inside the sandbox; from /workspace on when not absolute",
  example: "src/main.c",
});

export const downloadQuery = z.object({ path });

export const uploadQuery = z.object({
  path,
  mode: z
    .string()
    .regex(/^0?[0-7]{3,4}$/, { error: "must be an octal mode such as 0644" })
    .optional()
    .openapi({
      description: "octal; default: that of the file that is replaced, else 0644",
      example: "0755",
    }),
  mtime: z
    .string()
    .regex(/^\d{1,11}(\.\d{1,9})?$/, { error: "must be seconds since 1970" })
    .optional()
    .openapi({ description: "time of last change, in seconds since 1970; default: now" }),
});

export const uploadSchema = z
  .object({ files: z.array(z.object({ path: z.string(), bytes })) })
  .openapi("Upload");
