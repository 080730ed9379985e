/** Who the sandbox runs as, seen from inside. On the host this is the user that started it. */
export const SANDBOX_UID = 1000;
export const SANDBOX_GID = 1000;
export const SANDBOX_USER = "chaser";
export const SANDBOX_HOME = "/home/chaser";
export const SANDBOX_WORKSPACE = "/workspace";
export const HOSTNAME_DEFAULT = "chaser";
