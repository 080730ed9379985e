import { readFileSync } from "node:fs";
import { findProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import type { HostUser } from "../sandbox/spec.js";
import type { Capability } from "./capability.js";

/** Switches that distributions have for user namespaces: the file, the value that forbids, and the way out. */
export const USER_NAMESPACE_SWITCHES = [
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    forbids: "1",
    cause: "AppArmor restricts user namespaces (the default on Ubuntu 23.10 and later)",
    remedy: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    forbids: "0",
    cause: "the kernel allows user namespaces to root only",
    remedy: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    file: "/proc/sys/user/max_user_namespaces",
    forbids: "0",
    cause: "no user namespace is allowed",
    remedy: "sudo sysctl -w user.max_user_namespaces=10000",
  },
] as const;

function readSwitch(file: string): string | null {
  try {
    return readFileSync(file, "latin1").trim();
  } catch {
    return null;
  }
}

/** The cause and the remedy, as far as a switch tells. */
export function explainRefusal(
  read: (file: string) => string | null = readSwitch,
): { cause: string; remedy: string } | null {
  const found = USER_NAMESPACE_SWITCHES.find(({ file, forbids }) => read(file) === forbids);
  return found === undefined ? null : { cause: found.cause, remedy: found.remedy };
}

export async function probeUserNamespaces(user: HostUser | null): Promise<Capability> {
  const base = { name: "user namespaces", required: true };
  const unshare = findProgram("unshare");
  if (unshare === null) {
    return { ...base, ok: false, detail: "program unshare is not installed", remedy: "install util-linux" };
  }
  const { code, stderr } = await run(
    unshare,
    ["--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "/bin/true"],
    { user },
  );
  if (code === 0)
    return { ...base, ok: true, detail: "user, mount, network and process namespaces can be made" };
  const explained = explainRefusal();
  return {
    ...base,
    ok: false,
    detail: explained === null ? stderr : `${stderr} (${explained.cause})`,
    remedy: explained?.remedy ?? "inside a container, allow it to make user namespaces and to mount /proc",
  };
}
