/**
 * A page that renders the OpenAPI document and sends requests, with no assets but itself, so that it works without a
 * network and loads nothing from third parties. Text from the document is set as text, never as markup.
 */
export const documentationPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chaser API</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  summary { cursor: pointer; padding: .4rem 0; }
  code, pre, textarea, input { font: 14px/1.4 ui-monospace, monospace; }
  pre { background: #8881; padding: .8rem; overflow: auto; max-height: 30rem; }
  textarea, input { width: 100%; box-sizing: border-box; padding: .4rem; }
  .method { display: inline-block; min-width: 4.5rem; font-weight: 700; }
  details { border-bottom: 1px solid #8884; }
  details > div { padding: 0 0 1rem 1rem; }
  label { display: block; margin: .5rem 0; }
  :root { color-scheme: light dark; }
</style>
<h1>Chaser API</h1>
<p id="about"></p>
<p>The document itself: <a href="openapi.json">openapi.json</a></p>
<label>API key, kept in this page only <input id="key" type="password" autocomplete="off" placeholder="sk_..."></label>
<main id="routes"></main>
<script>
  const element = (tag, text, ...children) => {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    node.append(...children);
    return node;
  };

  const resolve = (doc, schema) =>
    schema && schema.$ref ? schema.$ref.split("/").slice(1).reduce((at, part) => at[part], doc) : schema;

  const expand = (doc, schema, depth = 0) => {
    const known = resolve(doc, schema);
    if (!known || typeof known !== "object" || depth > 6) return known;
    if (Array.isArray(known)) return known.map((item) => expand(doc, item, depth + 1));
    return Object.fromEntries(Object.entries(known).map(([name, value]) => [name, expand(doc, value, depth + 1)]));
  };

  const field = (name, hint) => {
    const input = element("input");
    input.placeholder = hint || "";
    return { input, label: element("label", name + " ", input) };
  };

  const tryOut = (path, method, operation, doc) => {
    const form = element("div");
    const inputs = (operation.parameters || []).map((parameter) => {
      const { input, label } = field(parameter.name + " (" + parameter.in + ")", parameter.description);
      form.append(label);
      return { parameter, input };
    });
    const schema = operation.requestBody && operation.requestBody.content["application/json"]?.schema;
    const body = element("textarea");
    if (schema) {
      body.rows = 4;
      body.value = "{}";
      form.append(element("label", "body ", body), element("pre", JSON.stringify(expand(doc, schema), null, 2)));
    }
    const send = element("button", "Send");
    const answer = element("pre");
    send.onclick = async () => {
      let target = path;
      const query = new URLSearchParams();
      for (const { parameter, input } of inputs) {
        if (parameter.in === "path") target = target.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
        else if (input.value !== "") query.set(parameter.name, input.value);
      }
      const headers = { authorization: "Bearer " + document.getElementById("key").value };
      if (schema) headers["content-type"] = "application/json";
      answer.textContent = "...";
      try {
        const response = await fetch(target + (query.size ? "?" + query : ""), {
          method: method.toUpperCase(), headers, ...(schema ? { body: body.value } : {}),
        });
        const text = await response.text();
        let shown = text;
        try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch {}
        answer.textContent = response.status + " " + response.statusText + "\\n" + shown;
      } catch (error) {
        answer.textContent = String(error);
      }
    };
    form.append(send, answer);
    return form;
  };

  const show = async () => {
    const doc = await (await fetch("openapi.json")).json();
    document.getElementById("about").textContent = doc.info.description;
    const groups = new Map();
    for (const [path, operations] of Object.entries(doc.paths))
      for (const [method, operation] of Object.entries(operations)) {
        const tag = (operation.tags || ["other"])[0];
        if (!groups.has(tag)) groups.set(tag, element("section", "", element("h2", tag)));
        const method_ = element("span", method.toUpperCase());
        method_.className = "method";
        const summary = element("summary", "", method_, element("code", path), " " + (operation.summary || ""));
        const details = element("details", "", summary);
        details.addEventListener("toggle", () => {
          if (details.children.length === 1)
            details.append(element("div", "", element("p", operation.description), tryOut(path, method, operation, doc)));
        });
        groups.get(tag).append(details);
      }
    document.getElementById("routes").append(...groups.values());
  };
  show();
</script>
</html>
`;
