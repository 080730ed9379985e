/** For who writes trees that are an attacker's: the calls that never follow a symlink. Apart, because it loads what calls the kernel. */
export { isErrno, type Fd, type Files, type Stat } from "./platform/files.js";
export { linuxFiles } from "./platform/linux.js";
export { removeTree } from "./snapshot/remove.js";
