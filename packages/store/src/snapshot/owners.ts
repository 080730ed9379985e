/** Owner ids on disk against owner ids in trees. */
import type { IdMap, IdRange } from "../api.js";
import { StoreError } from "../errors.js";

/** The kernel's ids have 32 bits, and the last one stands for none. */
const ownersMax = 0xffff_ffff;

function translate(ranges: IdRange[], id: number, from: "host" | "tree", to: "host" | "tree"): number {
  for (const range of ranges) {
    const offset = id - range[from];
    if (offset >= 0 && offset < range.count) return range[to] + offset;
  }
  return id;
}

/** Codes `invalid_argument`: for an id that no owner has, nothing that is stored could be read again. */
function requireRanges(field: "uids" | "gids", ranges: IdRange[]): void {
  for (const range of ranges) {
    const { host, tree, count } = range;
    const areIds = [host, tree].every((first) => Number.isInteger(first) && first >= 0);
    if (areIds && Number.isInteger(count) && count >= 1 && Math.max(host, tree) + count <= ownersMax)
      continue;
    const message = `idMap.${field} has a range that is not one of ids below ${ownersMax}: ${JSON.stringify(range)}`;
    throw new StoreError("invalid_argument", message, { data: { field: `idMap.${field}` } });
  }
}

export interface Owners {
  readonly idMap: IdMap;
  toTree(owner: { uid: number; gid: number }): { uid: number; gid: number };
  toHost(owner: { uid: number; gid: number }): { uid: number; gid: number };
}

export function owners(map: IdMap = { uids: [], gids: [] }): Owners {
  requireRanges("uids", map.uids);
  requireRanges("gids", map.gids);
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
