export type * from "./api.js";
export type * from "./ids.js";
export { StoreError, type StoreErrorCode } from "./errors.js";
export { openStore } from "./store.js";
export { kernelHoldsDisks } from "./engine/disk-growth.js";
