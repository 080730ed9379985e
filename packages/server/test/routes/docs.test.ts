import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { createApp, errorStatus } from "../../src/index.js";

/** The document needs no services behind the routes. */
const app = createApp({
  log: { info: () => {}, error: () => {} },
  metrics: { countRequest: () => {} },
} as never);

test("the document is OpenAPI 3.1 and every reference in it leads somewhere", async () => {
  const response = await app.request("/api-docs/openapi.json");
  assert.equal(response.status, 200);
  const document = (await response.json()) as any;
  assert.equal(document.openapi, "3.1.0");
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((m) => m[1] ?? "");
  assert.ok(references.length > 10);
  for (const reference of new Set(references)) {
    const target = reference.split("/").reduce((at: any, part) => at?.[part], document);
    assert.notEqual(target, undefined, reference);
  }
});

test("every route documents its errors, its key and a summary", async () => {
  const document = (await (await app.request("/api-docs/openapi.json")).json()) as any;
  for (const [path, operations] of Object.entries<any>(document.paths))
    for (const [method, operation] of Object.entries<any>(operations)) {
      assert.ok(operation.summary, `${method} ${path}`);
      assert.deepEqual(operation.security, [{ bearer: [] }]);
      assert.ok(operation.responses.default, `${method} ${path}`);
    }
  const codes = document.components.schemas.Error.properties.error.properties.code.enum;
  assert.deepEqual(codes, Object.keys(errorStatus));
});

test("unknown body fields are documented as refused", async () => {
  const document = (await (await app.request("/api-docs/openapi.json")).json()) as any;
  assert.equal(document.components.schemas.CreateWorkspace.additionalProperties, false);
});

test("the page's script opens every route, also those whose body is not JSON", async () => {
  const script = await (await app.request("/api-docs/")).text();
  const document = (await (await app.request("/api-docs/openapi.json")).json()) as any;
  const [, expression = ""] = /const schema = (operation\.requestBody.*);/.exec(script) ?? [];
  const operations = Object.values<any>(document.paths).flatMap((item) => Object.values<unknown>(item));
  const schemas = operations.map((operation) => runInNewContext(expression, { operation }) as unknown);
  assert.ok(schemas.some((schema) => schema !== undefined));
});

test("the page loads nothing from elsewhere", async () => {
  const response = await app.request("/api-docs/");
  const page = await response.text();
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  assert.ok(!/(src|href)="(https?:)?\/\//.test(page));
});
