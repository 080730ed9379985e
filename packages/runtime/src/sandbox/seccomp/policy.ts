/**
 * What a command may ask the kernel for. Everything that makes namespaces, mounts, reaches into other processes
 * or into the kernel's own state is refused; unknown calls look as if the kernel were older.
 */
import { ACTION, assemble, DATA, type Step } from "./assembler.js";
import {
  AUDIT_ARCHITECTURE,
  SYSTEM_CALL_UNREVIEWED_MIN,
  systemCallNumber,
  type Architecture,
  type SystemCall,
} from "./syscalls.js";

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Refused with EPERM, as for a user without the privilege. */
export const REFUSED: readonly SystemCall[] = [
  // Namespaces and mounts: a nested user namespace would give back the capabilities that were dropped.
  ...(["unshare", "setns", "mount", "umount2", "pivot_root", "chroot"] as const),
  // Other processes' memory and descriptors.
  ...(["ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"] as const),
  // Kernel keyrings are not namespaced by the mounts around a sandbox.
  ...(["keyctl", "add_key", "request_key"] as const),
  // Large kernel interfaces with a history of privilege escalation.
  ...([
    "perf_event_open",
    "bpf",
    "userfaultfd",
    "fanotify_init",
    "modify_ldt",
    "vhangup",
    "lookup_dcookie",
  ] as const),
  // Code and devices of the kernel.
  ...(["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"] as const),
  ...(["create_module", "query_module", "get_kernel_syms", "iopl", "ioperm"] as const),
  // File handles reach files by inode number, past the mounts.
  ...(["name_to_handle_at", "open_by_handle_at"] as const),
  // Machine-wide state.
  ...(["quotactl", "quotactl_fd", "acct", "swapon", "swapoff", "reboot", "syslog"] as const),
  ...([
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
  ] as const),
  // NUMA placement, and switches of the execution domain that weaken address randomisation.
  ...(["personality", "move_pages", "migrate_pages", "mbind"] as const),
  ...(["set_mempolicy", "get_mempolicy", "set_mempolicy_home_node"] as const),
  // Long obsolete.
  ...(["nfsservctl", "uselib", "ustat", "sysfs", "_sysctl"] as const),
];

/**
 * Answered with ENOSYS, so that programs fall back. clone3 takes its flags from memory, where seccomp cannot see
 * them: the C library then uses clone.
 */
export const ABSENT: readonly SystemCall[] = [
  "clone3",
  ...(["open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"] as const),
  ...(["io_uring_setup", "io_uring_enter", "io_uring_register"] as const),
];

/**
 * For a command that is root inside: answered as if done, though nothing is done. There is one user, whom all files belong to, so a
 * package manager that gives files to others, or becomes another, can go on; the filter takes from what a call does and never adds.
 */
export const FEIGNED: readonly SystemCall[] = [
  ...(["chown", "fchown", "lchown", "fchownat"] as const),
  ...([
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
  ] as const),
  ...(["setgroups", "capset"] as const),
];

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}. */
export const CLONE_NAMESPACE_FLAGS = 0x7e020000;

/**
 * Terminal requests that type into a terminal or paste from its selection. The kernel looks at the low 32 bits of
 * the request only, so the filter does too (CVE-2019-10063).
 */
export const REFUSED_IOCTLS = [0x5412, 0x541c] as const;

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. VSOCK would reach the hypervisor; the rest is kernel code few ever run. */
export const SOCKET_FAMILIES = [1, 2, 10, 16] as const;

function numbers(calls: readonly SystemCall[], architecture: Architecture): number[] {
  return calls.map((call) => systemCallNumber(call, architecture)).filter((number) => number !== null);
}

function required(call: SystemCall, architecture: Architecture): number {
  const number = systemCallNumber(call, architecture);
  if (number === null) throw new RangeError(`no number for ${call} on ${architecture}`);
  return number;
}

/** Low half of a 64-bit argument, on the little-endian machines that the policy knows. */
const argument = (index: number): Step => ({ kind: "load", offset: DATA.arguments + index * 8 });

export function policySteps(architecture: Architecture, feigned: readonly SystemCall[] = []): Step[] {
  const equal = (value: number, yes: string): Step => ({ kind: "jump", test: "equal", value, yes });
  return [
    { kind: "load", offset: DATA.arch },
    { kind: "jump", test: "equal", value: AUDIT_ARCHITECTURE[architecture], no: "kill" },
    { kind: "load", offset: DATA.nr },
    { kind: "jump", test: "atLeast", value: SYSTEM_CALL_UNREVIEWED_MIN, yes: "absent" },
    equal(required("ioctl", architecture), "ioctl"),
    equal(required("clone", architecture), "clone"),
    equal(required("socket", architecture), "socket"),
    equal(required("socketpair", architecture), "socket"),
    ...numbers(ABSENT, architecture).map((number) => equal(number, "absent")),
    ...numbers(REFUSED, architecture).map((number) => equal(number, "refused")),
    ...numbers(feigned, architecture).map((number) => equal(number, "feigned")),
    { kind: "goto", to: "allow" },
    { kind: "label", name: "ioctl" },
    argument(1),
    ...REFUSED_IOCTLS.map((request) => equal(request, "refused")),
    { kind: "goto", to: "allow" },
    { kind: "label", name: "clone" },
    argument(0),
    { kind: "jump", test: "anySet", value: CLONE_NAMESPACE_FLAGS, yes: "refused" },
    { kind: "goto", to: "allow" },
    { kind: "label", name: "socket" },
    argument(0),
    ...SOCKET_FAMILIES.map((family) => equal(family, "allow")),
    { kind: "return", action: ACTION.errno(EAFNOSUPPORT) },
    { kind: "label", name: "refused" },
    { kind: "return", action: ACTION.errno(EPERM) },
    { kind: "label", name: "absent" },
    { kind: "return", action: ACTION.errno(ENOSYS) },
    { kind: "label", name: "feigned" },
    { kind: "return", action: ACTION.errno(0) },
    { kind: "label", name: "kill" },
    { kind: "return", action: ACTION.killProcess },
    { kind: "label", name: "allow" },
    { kind: "return", action: ACTION.allow },
  ];
}

/** For `bwrap --seccomp`. */
export interface SeccompFilters {
  ordinary: Buffer;
  /** For what is root inside. */
  root: Buffer;
}

export function seccompFilters(architecture: Architecture): SeccompFilters {
  return {
    ordinary: assemble(policySteps(architecture)),
    root: assemble(policySteps(architecture, FEIGNED)),
  };
}
