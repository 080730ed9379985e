/** Whether this process may limit memory, processes and CPU of a group of processes. */
import { CONTROLLERS, readGroupFacts, whyNotDelegated, type GroupFacts } from "../cgroup/delegation.js";
import type { Capability } from "./capability.js";

const FALLBACK =
  "memory of a session is held by a watch, its processes by its user namespace, CPU by priority only; swap is not held";

export function judgeCgroup(facts: GroupFacts): Capability {
  const base = { name: "cgroup v2 delegation", required: false };
  const reason = whyNotDelegated(facts);
  if (reason !== null) {
    return { ...base, ok: false, detail: `${reason.cause}; ${FALLBACK}`, remedy: reason.remedy };
  }
  const missing = CONTROLLERS.filter((controller) => !facts.controllers.includes(controller));
  const without = missing.length === 0 ? "" : `, without ${missing.join(" and ")}`;
  return { ...base, ok: true, detail: `${facts.directory ?? ""} is delegated${without}` };
}

export function probeCgroup(): Capability {
  return judgeCgroup(readGroupFacts());
}
