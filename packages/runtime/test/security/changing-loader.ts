/** Hooks of Node's module loader that change pieces of the compiled source. */
import type { InitializeHook, LoadHook } from "node:module";
import type { Change } from "./mitigations.js";

let changes: readonly Change[] = [];

export const initialize: InitializeHook<readonly Change[]> = (data) => {
  changes = data;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const wanted = changes.filter(({ file }) => url.endsWith(`/packages/runtime/dist/src/${file}`));
  if (wanted.length === 0) return loaded;
  let source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  for (const { piece, instead } of wanted) source = source.replace(piece, () => instead);
  return { ...loaded, source };
};
