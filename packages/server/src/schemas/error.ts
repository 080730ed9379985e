import { z } from "@hono/zod-openapi";
import { errorStatus, type ErrorCode } from "../error-status.js";

const codes = Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]];

export const errorSchema = z
  .object({
    error: z.object({
      code: z.enum(codes).openapi({ description: "stable; test this" }),
      message: z.string().openapi({ description: "for a person" }),
      details: z.record(z.string(), z.unknown()).optional(),
      suggestion: z.string().optional().openapi({ description: "what to do next" }),
      request_id: z.string(),
    }),
  })
  .openapi("Error");
