import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { except } from "hono/combine";
import { HTTPException } from "hono/http-exception";
import { recordChanges } from "./audit/record-changes.js";
import { authenticate } from "./auth/authenticate.js";
import { isAmbiguousPath } from "./auth/path-guard.js";
import type { Context } from "./context.js";
import { registerDocs } from "./docs/docs.js";
import { isFault, ServerError, toServerError } from "./errors.js";
import { replayAnswers } from "./idempotency/replay-answers.js";
import { requestBodyBytesMax } from "./limits.js";
import { registerAccounts } from "./routes/accounts.js";
import { incoming, type App, type Environment } from "./routes/environment.js";
import { registerCommands } from "./routes/commands.js";
import { registerExec } from "./routes/exec.js";
import { registerFiles } from "./routes/files.js";
import { registerForward } from "./routes/forward.js";
import { registerHealth } from "./routes/health.js";
import { registerImages } from "./routes/images.js";
import { registerImports } from "./routes/imports.js";
import { registerKeys } from "./routes/keys.js";
import { allowedMethods } from "./routes/methods.js";
import { requestLog } from "./routes/request-log.js";
import { registerSessions } from "./routes/sessions.js";
import { registerTerminal } from "./routes/terminal.js";
import { registerSnapshots } from "./routes/snapshots.js";
import { hasStreamedBody } from "./routes/streamed-body.js";
import { registerWorkspaces } from "./routes/workspaces.js";
import { validationError } from "./schemas/validation.js";

/** The HTTP API over a context. `app.request()` calls it without a socket. */
export function createApp(context: Context): App {
  const app = new OpenAPIHono<Environment>({
    defaultHook: (result) => {
      if (!result.success) throw validationError(result.error.issues);
    },
  });

  app.use(requestLog(context));
  app.use(async (c, next) => {
    if (isAmbiguousPath(incoming(c)?.url ?? new URL(c.req.url).pathname))
      throw new ServerError("invalid_request", "the path holds empty, dot or encoded separator segments");
    await next();
  });
  app.use("/v1/*", authenticate(context.keys));
  app.use("/s/*", authenticate(context.keys));
  app.use(
    "/v1/*",
    except(
      (c) => hasStreamedBody(c.req.path),
      bodyLimit({ maxSize: requestBodyBytesMax, onError: refuseLargeBody }),
    ),
  );
  app.use("/v1/*", replayAnswers(context.replays));
  app.use("/v1/*", recordChanges(context));

  registerHealth(app, context);
  registerAccounts(app, context);
  registerKeys(app, context);
  registerImports(app, context);
  registerWorkspaces(app, context);
  registerSnapshots(app, context);
  registerSessions(app, context);
  registerExec(app, context);
  registerCommands(app, context);
  registerTerminal(app, context);
  registerForward(app, context);
  registerFiles(app, context);
  registerImages(app, context);
  registerDocs(app);

  app.notFound((c) => {
    const allowed = allowedMethods(app, c.req.path);
    const error =
      allowed.length === 0
        ? new ServerError("not_found", `no such route: ${c.req.method} ${c.req.path}`, {
            suggestion: "/api-docs/ lists the routes",
          })
        : new ServerError("method_not_allowed", `${c.req.method} is not allowed here`, {
            details: { allowed },
          });
    if (allowed.length > 0) c.header("Allow", allowed.join(", "));
    return c.json(error.body(c.get("requestId")), error.status);
  });

  app.onError((thrown, c) => {
    const known = thrown instanceof HTTPException ? fromFramework(thrown) : toServerError(thrown);
    const error =
      known.code === "internal" && incoming(c)?.socket.destroyed === true
        ? new ServerError("invalid_request", "the client went away")
        : known;
    const requestId = c.get("requestId");
    // The rest of the body is never read, so the connection cannot carry another request.
    if (error.code === "payload_too_large") c.header("Connection", "close");
    if (isFault(error)) context.log.error("request_failed", thrown, { request_id: requestId });
    return c.json(error.body(requestId), error.status);
  });
  return app;
}

function refuseLargeBody(): never {
  throw new ServerError("payload_too_large", `a request body has at most ${requestBodyBytesMax} bytes`, {
    details: { max_bytes: requestBodyBytesMax },
  });
}

/** What the framework itself refuses: bodies that are not JSON, or not declared as JSON. */
function fromFramework(exception: HTTPException): ServerError {
  if (exception.status === 415)
    return new ServerError("invalid_request", "the body must be sent as Content-Type: application/json");
  if (exception.status < 500)
    return new ServerError("invalid_request", lowerFirst(exception.message || "malformed request"));
  return toServerError(exception);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
