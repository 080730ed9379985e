import { createMiddleware } from "hono/factory";
import { isNamedBy } from "../accounts/accounts.js";
import { ServerError } from "../errors.js";
import type { Environment } from "../routes/environment.js";
import { offeredKey } from "../routes/web-socket.js";
import type { Keys } from "./keys.js";

/** Lets only requests with a valid key through, for the account that the key is bound to. */
export function authenticate(keys: Keys) {
  return createMiddleware<Environment>(async (c, next) => {
    const principal = await keys.authenticate(c.req.header("Authorization") ?? offeredKey(c));
    if (principal === null) {
      c.header("WWW-Authenticate", "Bearer");
      throw new ServerError("unauthorized", "a valid API key is required", {
        suggestion: "send `Authorization: Bearer sk_...`",
      });
    }
    const wanted = c.req.header("X-Chaser-Account");
    if (wanted !== undefined && !isNamedBy(principal.account, wanted))
      throw new ServerError("forbidden", "this key is bound to another account", {
        suggestion: "leave X-Chaser-Account out, or use a key of that account",
      });
    c.set("principal", principal);
    await next();
  });
}
