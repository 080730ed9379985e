import type { App } from "../routes/environment.js";
import { documentationPage } from "./page.js";

/** The OpenAPI document, made from the schemas that validate, and a page that shows it and tries it out. */
export function registerDocs(app: App): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  app.get("/api-docs/openapi.json", (c) => c.json(openApiDocument(app)));
  app.get("/api-docs", (c) => c.redirect("/api-docs/"));
  app.get("/api-docs/", (c) => {
    c.header("Content-Security-Policy", contentSecurityPolicy);
    return c.html(documentationPage);
  });
}

/** Nothing from elsewhere, and requests to this server only. */
const contentSecurityPolicy =
  "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export function openApiDocument(app: App) {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Chaser",
      version: "1",
      description:
        "Persistent workspaces with snapshots and sandboxed commands. Sizes are bytes, times RFC 3339 UTC. " +
        "Unknown body fields are refused. Every error has a stable `code`.",
    },
    servers: [{ url: "/" }],
  });
}
