/** Owner ids on disk against owner ids in trees. */
import type { IdMap, IdRange } from "../api.js";

function translate(ranges: IdRange[], id: number, from: "host" | "tree", to: "host" | "tree"): number {
  for (const range of ranges) {
    const offset = id - range[from];
    if (offset >= 0 && offset < range.count) return range[to] + offset;
  }
  return id;
}

export interface Owners {
  readonly idMap: IdMap;
  toTree(owner: { uid: number; gid: number }): { uid: number; gid: number };
  toHost(owner: { uid: number; gid: number }): { uid: number; gid: number };
}

export function owners(map: IdMap = { uids: [], gids: [] }): Owners {
  return {
    idMap: map,
    toTree: ({ uid, gid }) => ({
      uid: translate(map.uids, uid, "host", "tree"),
      gid: translate(map.gids, gid, "host", "tree"),
    }),
    toHost: ({ uid, gid }) => ({
      uid: translate(map.uids, uid, "tree", "host"),
      gid: translate(map.gids, gid, "tree", "host"),
    }),
  };
}
