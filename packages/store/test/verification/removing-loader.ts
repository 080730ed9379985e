/** Hooks of Node's module loader that leave out a piece of one file. */
import type { InitializeHook, LoadHook } from "node:module";
import type { Removal } from "./without.js";

let removal: Removal;

export const initialize: InitializeHook<Removal> = (data) => {
  removal = data;
};

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (url !== removal.url) return loaded;
  const source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  return {
    ...loaded,
    source: `${source.slice(0, removal.start)}${removal.instead}${source.slice(removal.end)}`,
  };
};
