/**
 * Where a thread or a child process begins. A thread needs some 20 ms to load one file and 200 ms to load the same as a
 * hundred modules, so `scripts/bundle.mjs` puts each beginning into one file with all that it imports, in `threads/`. What was
 * compiled since is loaded module by module until that was done again; a published package has no build information.
 */
import { statSync } from "node:fs";

/** `from`: a module in a folder beside `threads/`. */
export function entryModule(name: "thread" | "child", from = import.meta.url): URL {
  const whole = new URL(`../threads/${name}.js`, from);
  const madeMs = modifiedMs(whole);
  const compiledMs = modifiedMs(new URL("../../.tsbuildinfo", from)) ?? 0;
  return madeMs !== null && madeMs >= compiledMs ? whole : new URL(`./${name}.js`, from);
}

function modifiedMs(url: URL): number | null {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? null;
}
