/** Who the sandbox runs as, seen from inside. On the host this is the user that started it. */
export const SANDBOX_UID = 1000;
export const SANDBOX_GID = 1000;
export const SANDBOX_USER = "chaser";
export const SANDBOX_HOME = "/home/chaser";
export const SANDBOX_WORKSPACE = "/workspace";
export const HOSTNAME_DEFAULT = "chaser";

export interface SandboxIds {
  uid: number;
  gid: number;
}

export const SANDBOX_IDS: SandboxIds = { uid: SANDBOX_UID, gid: SANDBOX_GID };

/** In name alone: the same user on the host, as little privileged. */
export const ROOT_IDS: SandboxIds = { uid: 0, gid: 0 };
export const ROOT_HOME = "/root";
