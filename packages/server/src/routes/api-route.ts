import { createRoute, type RouteConfig } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import type { z } from "zod";
import { allows, type Scope } from "../auth/scopes.js";
import { ServerError } from "../errors.js";
import { errorSchema } from "../schemas/error.js";
import type { Environment } from "./environment.js";

/** Who may call a route, and what the audit log says of it. */
export interface Access {
  /** What the key must allow; null: any key will do. */
  scope: Scope | null;
  /** For routes that change something. */
  audit?: string;
}

type PathConfig<Path extends string> = Omit<RouteConfig, "path" | "security" | "middleware"> & { path: Path };

/** A route of the API: its schemas, and the one place that says which scope it needs. The guard runs before validation. */
export function apiRoute<Path extends string, Config extends PathConfig<Path>>(
  access: Access,
  config: Config,
) {
  const route = createRoute<Path, Config>({
    ...config,
    ...{
      security: [{ bearer: [] }],
      middleware: [guard(access)],
      "x-scope": access.scope,
      "x-audit": access.audit ?? null,
    },
  });
  // What any route may answer goes into the document only; the types of handlers stay exact.
  Object.assign(route.responses, { default: { description: "error", ...json(errorSchema) } });
  return route;
}

/** For paths that a route cannot name: those with a rest of any length. */
export function guard({ scope, audit }: Access) {
  return createMiddleware<Environment>(async (c, next) => {
    if (audit !== undefined) c.set("auditAction", audit);
    const { scopes } = c.get("principal");
    if (scope !== null && !allows(scopes, scope))
      throw new ServerError("missing_scope", `this key lacks the scope ${scope}`, {
        details: { scope, granted: scopes },
      });
    await next();
  });
}

export function json<Schema extends z.ZodType>(schema: Schema) {
  return { content: { "application/json": { schema } } };
}

/** A body that must be there. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { body: { required: true, ...json(schema) } };
}

/** A body that may be left out. */
export function optionalJsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { body: { required: false, ...json(schema) } };
}
