import type { App } from "./environment.js";

/** The methods that some route takes at this path: none means that the path does not exist. */
export function allowedMethods(app: App, path: string): string[] {
  const methods = new Set<string>();
  for (const definition of app.openAPIRegistry.definitions)
    if (definition.type === "route" && pattern(definition.route.path).test(path))
      methods.add(definition.route.method.toUpperCase());
  return [...methods].sort();
}

function pattern(route: string): RegExp {
  const segments = route.split("/").map((s) => (s.startsWith("{") ? "[^/]+" : s.replaceAll(".", "\\.")));
  return new RegExp(`^${segments.join("/")}$`);
}
