/** Checks of what callers pass, all before anything is started. */
import type { ExecSpec, SessionSpec, TerminalSize } from "../api.js";
import { checkEgress } from "../egress/rules.js";
import { RuntimeError } from "../errors.js";
import {
  ARGUMENT_BYTES_MAX,
  ARGUMENTS_BYTES_MAX,
  PATH_BYTES_MAX,
  SESSION_ID_LENGTH_MAX,
  SESSION_LIMITS_DEFAULT,
  TERMINAL_CELLS_MAX,
  type SessionLimits,
} from "../limits.js";

/** Uids from here on stand for "nobody in particular" in one place or another. */
const UID_MAX = 0xfffffffd;

function invalid(message: string, data: Record<string, unknown> = {}): RuntimeError {
  return new RuntimeError("invalid_argument", message, data);
}

export function checkText(what: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw invalid(`${what} is not a string`);
  if (value.includes("\0")) throw invalid(`${what} contains a NUL byte`);
  if (Buffer.byteLength(value) > ARGUMENT_BYTES_MAX) {
    throw invalid(`${what} is longer than ${String(ARGUMENT_BYTES_MAX)} bytes`);
  }
}

/** The kernel refuses longer ones. */
function checkPath(what: string, path: string): void {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw invalid(`${what} is longer than ${String(PATH_BYTES_MAX)} bytes`);
}

/** What a shell can use. */
export const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function checkEnvironment(env: Readonly<Record<string, string>> | undefined): void {
  for (const [name, value] of Object.entries(env ?? {})) {
    if (!ENVIRONMENT_NAME.test(name)) throw invalid(`environment name ${JSON.stringify(name)} is not usable`);
    checkText(`environment value of ${name}`, value);
  }
}

export interface HostUser {
  uid: number;
  gid: number;
}

/** The host user to become, or null to stay who we are. Nothing inside a sandbox may ever be root outside. */
export function hostUser(spec: Pick<SessionSpec, "hostUid" | "hostGid">, ownUid: number): HostUser | null {
  const { hostUid: uid, hostGid: gid } = spec;
  if (ownUid !== 0) {
    if (uid !== undefined && uid !== ownUid)
      throw invalid(`only root can run a session as host uid ${String(uid)}`);
    return null;
  }
  if (uid === undefined) throw invalid("hostUid is needed, because this process is root");
  const usable = (id: number): boolean => Number.isInteger(id) && id > 0 && id <= UID_MAX;
  if (!usable(uid)) throw invalid(`host uid ${String(uid)} is not usable`);
  if (gid !== undefined && !usable(gid)) throw invalid(`host gid ${String(gid)} is not usable`);
  return { uid, gid: gid ?? uid };
}

export function checkSession(spec: SessionSpec): void {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(spec.id) || spec.id.length > SESSION_ID_LENGTH_MAX) {
    throw invalid(`session id ${JSON.stringify(spec.id)} is not usable`);
  }
  if (spec.hostname !== undefined && !/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(spec.hostname)) {
    throw invalid(`host name ${JSON.stringify(spec.hostname)} is not usable`);
  }
  checkEnvironment(spec.env);
  if (spec.egress === undefined) return;
  if (spec.network !== "nat") throw invalid("egress rules need network nat", { network: spec.network });
  checkEgress(spec.egress);
}

export function sessionLimits(limits: Partial<SessionLimits> | undefined): SessionLimits {
  const merged: SessionLimits = { ...SESSION_LIMITS_DEFAULT };
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (!Object.hasOwn(SESSION_LIMITS_DEFAULT, name)) throw invalid(`there is no limit ${name}`);
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < (name === "swapBytes" ? 0 : 1))
      throw invalid(`limit ${name} of ${String(value)} is not usable`);
    merged[name as keyof SessionLimits] = value;
  }
  return merged;
}

export function checkTerminalSize({ columns, rows }: TerminalSize): void {
  for (const [name, value] of Object.entries({ columns, rows }))
    if (!Number.isInteger(value) || value < 1 || value > TERMINAL_CELLS_MAX)
      throw invalid(
        `${name} of ${String(value)} is not usable: a terminal has 1 to ${String(TERMINAL_CELLS_MAX)}`,
      );
}

export function checkExec(spec: ExecSpec, environment: Readonly<Record<string, string>>): string[] {
  const argv = typeof spec.command === "string" ? ["/bin/sh", "-c", spec.command] : [...spec.command];
  if (argv.length === 0 || argv[0] === "") throw invalid("the command is empty");
  argv.forEach((argument, index) => {
    checkText(`argument ${String(index)} of the command`, argument);
  });
  checkPath("program", argv[0] ?? "");
  if (spec.cwd !== undefined) {
    checkText("working directory", spec.cwd);
    checkPath("working directory", spec.cwd);
    if (!spec.cwd.startsWith("/"))
      throw invalid(`working directory ${JSON.stringify(spec.cwd)} is not absolute`);
  }
  if (spec.timeoutMs !== undefined && !(spec.timeoutMs > 0)) {
    throw invalid(`timeout of ${String(spec.timeoutMs)} ms is not usable`);
  }
  checkEnvironment(spec.env);
  let bytes = argv.reduce((sum, argument) => sum + Buffer.byteLength(argument) + 1, 0);
  for (const [name, value] of Object.entries(environment))
    bytes += name.length + Buffer.byteLength(value) + 2;
  if (bytes > ARGUMENTS_BYTES_MAX) {
    throw invalid(
      `arguments and environment of ${String(bytes)} bytes are more than ${String(ARGUMENTS_BYTES_MAX)}`,
    );
  }
  return argv;
}
