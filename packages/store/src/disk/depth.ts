/** How deep what is copied or merged may be. A snapshot could not hold more either; what is only counted or removed has no bound. */
import { StoreError } from "../errors.js";
import { treeDepthMax } from "../limits.js";

/** Code `too_large` below `treeDepthMax` directories. */
export function requireDepth(depth: number): void {
  if (depth <= treeDepthMax) return;
  throw new StoreError("too_large", `directories are nested deeper than ${treeDepthMax}`);
}
