import { z } from "@hono/zod-openapi";
import { portMax } from "../limits.js";

const session = z.string().openapi({ param: { name: "session", in: "path" } });
const port = z
  .string()
  .regex(/^[1-9]\d{0,4}$/, { error: "must be a port: 1 to 65535" })
  .transform(Number)
  .refine((number) => number <= portMax, { error: "must be a port: 1 to 65535" })
  .openapi({ type: "integer", param: { name: "port", in: "path" } });

export const portParams = z.object({ session, port });
export const forwardParams = portParams.extend({
  path: z
    .string()
    .openapi({ param: { name: "path", in: "path" }, description: "may hold slashes, and may be empty" }),
});
