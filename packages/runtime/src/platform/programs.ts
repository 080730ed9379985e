import { accessSync, constants } from "node:fs";
import { RuntimeError } from "../errors.js";

/** Fixed, so that nobody's PATH decides what sets up a sandbox. */
const DIRECTORIES = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

export function findProgram(name: string): string | null {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return null;
}

/** Debian packages that bring the programs the runtime starts. */
const PACKAGES: Record<string, string> = {
  bwrap: "bubblewrap",
  slirp4netns: "slirp4netns",
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
  prlimit: "util-linux",
  ip: "iproute2",
  skopeo: "skopeo",
  setpriv: "util-linux",
};

export function packageOf(program: string): string {
  return PACKAGES[program] ?? program;
}

export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path !== null) return path;
  throw new RuntimeError("sandbox_unavailable", `program ${name} is not installed`, {
    program: name,
    remedy: `install ${packageOf(name)}`,
  });
}
