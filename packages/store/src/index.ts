export type * from "./api.js";
export type * from "./ids.js";
export { StoreError, type StoreErrorCode } from "./errors.js";
export { openStore } from "./store.js";

// For who writes trees that are an attacker's: the calls that never follow a symlink.
export { isErrno, type Fd, type Files, type Stat } from "./platform/files.js";
export { linuxFiles } from "./platform/linux.js";
export { removeTree } from "./snapshot/remove.js";
