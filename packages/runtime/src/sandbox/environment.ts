import { ROOT_HOME, SANDBOX_HOME, SANDBOX_USER } from "./identity.js";

/** What every command finds, before what the session and the command add. Nothing of the server's own. */
export const ENVIRONMENT_DEFAULT: Readonly<Record<string, string>> = {
  HOME: SANDBOX_HOME,
  USER: SANDBOX_USER,
  LOGNAME: SANDBOX_USER,
  SHELL: "/bin/sh",
  PATH: `${SANDBOX_HOME}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  LANG: "C.UTF-8",
  CHASER: "1",
};

/** Over the image's, for a command that is root. */
export const ENVIRONMENT_OF_ROOT: Readonly<Record<string, string>> = {
  HOME: ROOT_HOME,
  USER: "root",
  LOGNAME: "root",
};

/** Later sources win. */
export function sandboxEnvironment(
  ...sources: readonly (Readonly<Record<string, string>> | undefined)[]
): Record<string, string> {
  return Object.assign({}, ENVIRONMENT_DEFAULT, ...sources) as Record<string, string>;
}
