/** What the keeper mounts in its own namespace, as data and as a script; nothing here touches the system. */
import { relative } from "node:path";
import type { DiskMount } from "@chaser/store";
import { RuntimeError } from "../errors.js";
import type { SessionLimits } from "../limits.js";

/** Directories below a session's state directory, all on one bounded tmpfs that lives in the keeper's namespace. */
export interface StateLayout {
  state: string;
  disk: string;
  tmp: string;
  shm: string;
  proc: string;
  /** The root of an image, with the changes to it. */
  root: string;
}

/** An image's layers under directories for changes, to be mounted as an overlay. */
export interface RootMount {
  /** Has links to all of it: to what `lower` names, and to `upper` and `work`. */
  layersDir: string;
  /** Topmost first. */
  lower: readonly string[];
}

/** The driver decides where the disk's tree appears: mounted below the state directory, or where it already is. */
export function stateLayout(state: string, mount: DiskMount): StateLayout {
  return {
    state,
    disk: mount.driver === "overlay" ? `${state}/disk` : mount.path,
    tmp: `${state}/tmp`,
    shm: `${state}/shm`,
    proc: `${state}/proc`,
    root: `${state}/root`,
  };
}

/** Characters that separate or escape in a mount option: a path with one of them would mean something else. */
const OPTION_SYNTAX = /[,:\\"\n]/;

/** Relative to `layersDir`, as the lower layers are: short, and the sandbox's mount table then names no host path. */
export function overlayOptions(mount: Extract<DiskMount, { driver: "overlay" }>): string {
  const upper = relative(mount.layersDir, mount.upper);
  const work = relative(mount.layersDir, mount.work);
  return optionsOf({ ...mount, upper, work });
}

export function rootOverlayOptions({ lower }: RootMount): string {
  return optionsOf({ lower, upper: "upper", work: "work" });
}

function optionsOf({
  lower,
  upper,
  work,
}: {
  lower: readonly string[];
  upper: string;
  work: string;
}): string {
  for (const path of [...lower, upper, work]) {
    if (path === "" || OPTION_SYNTAX.test(path)) {
      throw new RuntimeError("invalid_argument", `overlay path ${JSON.stringify(path)} cannot be mounted`);
    }
  }
  if (lower.length === 0) throw new RuntimeError("invalid_argument", "an overlay disk needs a lower layer");
  return `userxattr,lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work}`;
}

export function tmpfsOptions(limits: Pick<SessionLimits, "tmpBytes" | "tmpInodes">): string {
  return `mode=0755,nosuid,nodev,size=${String(limits.tmpBytes)},nr_inodes=${String(limits.tmpInodes)}`;
}

/**
 * Run by `sh` as the root of the keeper's namespaces, then becomes the program that starts init. The tests on the
 * disk keep a link that came with its content (a restored snapshot, say) from showing a host directory inside. The image
 * comes before the disk, which may hold its changes: overlayfs warns of an upper directory inside one that is in use.
 */
export const KEEPER_SCRIPT = `set -eu
state=$1 tmpfs=$2 disk=$3 layers=$4 overlay=$5 root_layers=$6 root_overlay=$7
shift 7
mount -t tmpfs -o "$tmpfs" chaser "$state"
cd "$state"
mkdir -m 1777 tmp shm disk proc root
if [ -n "$root_overlay" ]; then
  cd "$root_layers"
  mount -t overlay -o "$root_overlay" root "$state/root"
fi
if [ -n "$overlay" ]; then
  cd "$layers"
  mount -t overlay -o "$overlay" disk "$state/disk"
fi
for directory in "$disk" "$disk/workspace" "$disk/home" "$disk/home/chaser"; do
  if [ -L "$directory" ] || [ ! -d "$directory" ]; then
    echo "chaser: $directory is not a directory" >&2
    exit 1
  fi
done
cd /
exec "$@"
`;

/** The script's positional arguments, before the command that it becomes. */
export function keeperArguments(
  layout: StateLayout,
  mount: DiskMount,
  root: RootMount | null,
  limits: SessionLimits,
): string[] {
  const overlay = mount.driver === "overlay";
  return [
    layout.state,
    tmpfsOptions(limits),
    layout.disk,
    overlay ? mount.layersDir : "",
    overlay ? overlayOptions(mount) : "",
    root === null ? "" : root.layersDir,
    root === null ? "" : rootOverlayOptions(root),
  ];
}
