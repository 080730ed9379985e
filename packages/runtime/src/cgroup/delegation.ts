/** Finds out whether this process may make control groups, and makes the place for those of sessions. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export const CONTROLLERS = ["memory", "pids", "cpu"] as const;
export type Controller = (typeof CONTROLLERS)[number];

export interface Delegation {
  /** Where groups can be made that have these controllers. */
  directory: string;
  controllers: ReadonlySet<Controller>;
}

export interface NoDelegation {
  cause: string;
  remedy: string;
}

/** Where a runtime moves its own process, below the group that was delegated to it. */
const OWN_GROUP = "chaser-server";

export const DELEGATE_REMEDY =
  "run the server in a group of its own: as a systemd service with Delegate=yes, or by " +
  "systemd-run --user --scope -p Delegate=yes chaser serve";

/** Where cgroup v2 is mounted, from `/proc/self/mountinfo`. */
export function cgroupMount(mountinfo: string): string | null {
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    if (after?.startsWith("cgroup2 ") === true) return before?.split(" ")[4] ?? null;
  }
  return null;
}

/** This process's own group below that mount, from `/proc/self/cgroup`. */
export function ownGroup(cgroup: string): string | null {
  return /^0::(.*)$/m.exec(cgroup)?.[1] ?? null;
}

export interface GroupFacts {
  /** Of cgroup v2, with this process's own group; null when it is not mounted. */
  directory: string | null;
  /** What the group has to give. */
  controllers: readonly string[];
  isWritable: boolean;
  /** Other processes in the group than this one and its children. */
  strangers: number;
}

/** Why no groups can be made, or null when they can. */
export function whyNotDelegated(facts: GroupFacts): NoDelegation | null {
  if (facts.directory === null) {
    return { cause: "cgroup v2 is not mounted", remedy: "boot with systemd.unified_cgroup_hierarchy=1" };
  }
  const missing = CONTROLLERS.filter((controller) => !facts.controllers.includes(controller));
  if (missing.length === CONTROLLERS.length) {
    return {
      cause: `${facts.directory} has none of the controllers ${CONTROLLERS.join(", ")}`,
      remedy: `${DELEGATE_REMEDY}; where cgroup v1 holds them, boot with systemd.unified_cgroup_hierarchy=1`,
    };
  }
  if (!facts.isWritable) {
    return { cause: `${facts.directory} belongs to someone else`, remedy: DELEGATE_REMEDY };
  }
  if (facts.strangers > 0) {
    const cause = `${String(facts.strangers)} other processes are in ${facts.directory}`;
    return { cause, remedy: DELEGATE_REMEDY };
  }
  return null;
}

function words(path: string): string[] {
  return readFileSync(path, "utf8").split(/\s+/).filter(Boolean);
}

function parentOf(pid: string): string | undefined {
  return /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
}

function isOurs(pid: string): boolean {
  const self = String(process.pid);
  try {
    return pid === self || parentOf(pid) === self;
  } catch {
    return true; // Gone meanwhile.
  }
}

function mayWrite(directory: string): boolean {
  try {
    for (const name of ["", "cgroup.procs", "cgroup.subtree_control"])
      accessSync(join(directory, name), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What can be seen without changing anything. */
export function readGroupFacts(): GroupFacts {
  const mount = cgroupMount(readFileSync("/proc/self/mountinfo", "utf8"));
  const group = ownGroup(readFileSync("/proc/self/cgroup", "utf8"));
  if (mount === null || group === null)
    return { directory: null, controllers: [], isWritable: false, strangers: 0 };
  const own = join(mount, group);
  // A runtime of this process was here before.
  const directory = basename(own) === OWN_GROUP ? dirname(own) : own;
  return {
    directory,
    controllers: words(join(directory, "cgroup.controllers")),
    isWritable: mayWrite(directory),
    strangers: words(join(directory, "cgroup.procs")).filter((pid) => !isOurs(pid)).length,
  };
}

/** The kernel enables controllers for the groups below only where no process is in the group itself. */
function moveOwnProcesses(directory: string): void {
  // The root of all groups is exempt from the rule.
  if (!existsSync(join(directory, "cgroup.type"))) return;
  const pids = words(join(directory, "cgroup.procs")).filter(isOurs);
  if (pids.length === 0) return;
  const own = join(directory, OWN_GROUP);
  mkdirSync(own, { recursive: true });
  for (const pid of pids) writeFileSync(join(own, "cgroup.procs"), pid);
}

/** Lets groups below have what this one has. Each on its own: one that is refused does not keep the others. */
function enableControllers(directory: string): ReadonlySet<Controller> {
  for (const controller of CONTROLLERS) {
    try {
      writeFileSync(join(directory, "cgroup.subtree_control"), `+${controller}`);
    } catch {
      continue;
    }
  }
  const enabled = words(join(directory, "cgroup.subtree_control"));
  return new Set(CONTROLLERS.filter((controller) => enabled.includes(controller)));
}

/**
 * Takes what is delegated, or says why nothing is. `given` is a directory of the caller's choice, in which no process may
 * be. `name` is a group of the runtime's own in it, so that several can share one.
 */
export function takeDelegation(name: string, given?: string): Delegation | NoDelegation {
  const facts = given === undefined ? readGroupFacts() : null;
  const reason = facts === null ? null : whyNotDelegated(facts);
  if (reason !== null) return reason;
  const parent = given ?? facts?.directory ?? "";
  try {
    if (given === undefined) moveOwnProcesses(parent);
    enableControllers(parent);
    const directory = join(parent, name);
    mkdirSync(directory, { recursive: true });
    return { directory, controllers: enableControllers(directory) };
  } catch (error) {
    return { cause: (error as Error).message, remedy: DELEGATE_REMEDY };
  }
}
