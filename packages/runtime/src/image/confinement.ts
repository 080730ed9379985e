/** What a program that reads what registries say is left of this machine, as arguments of bwrap. */

interface Confinement {
  /** The one directory that it may write to. */
  directory: string;
  /** Effective user of this process. */
  uid: number;
  /** Whether this process may make namespaces as it is: CAP_SYS_ADMIN. */
  isPrivileged: boolean;
}

/**
 * It stays the user it is, because its credentials are looked for by that user's number and name; as root it keeps what root reads
 * files of others with.
 */
export function confinementArguments({ directory, uid, isPrivileged }: Confinement): string[] {
  const own = isPrivileged ? [] : ["--unshare-user"];
  const root = uid === 0 ? ["--cap-add", "CAP_DAC_OVERRIDE"] : [];
  return [
    ...[...own, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"],
    ...["--cap-drop", "ALL", "--cap-add", "CAP_NET_BIND_SERVICE", ...root],
    ...["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", directory, directory],
  ];
}

const CAP_SYS_ADMIN = 21n;

/** From `/proc/self/status`. */
export function hasSystemCapability(status: string): boolean {
  const [, mask = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return ((BigInt(`0x${mask}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}
