/** Patterns in gitignore syntax, matched by the `ignore` package. */
import { createRequire } from "node:module";
import type { Ignore, Options } from "ignore";

const ignore = createRequire(import.meta.url)("ignore") as (options?: Options) => Ignore;

/** Null when there are no patterns. Names that are not UTF-8 are matched with their bad bytes replaced. */
export function excludePatterns(
  patterns: string[],
): ((path: Buffer, isDirectory: boolean) => boolean) | null {
  if (patterns.length === 0) return null;
  const rules = ignore({ allowRelativePaths: true, ignorecase: false }).add(patterns);
  return (path, isDirectory) => rules.ignores(path.toString("utf8") + (isDirectory ? "/" : ""));
}
