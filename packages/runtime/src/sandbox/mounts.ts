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

/** What separates fields in a table as fstab(5) has it, and what escapes there. */
const FIELD_SYNTAX = /[\s\\]/g;

function tableLine(source: string, target: string, type: string, options: string): string {
  const fields = [source, target, type, options].map((field) =>
    field.replace(FIELD_SYNTAX, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`),
  );
  return `${fields.join(" ")} 0 0\n`;
}

/** What the kernel counts System V shared memory in. */
const PAGE_BYTES = 4096;

/** Options of mount's own: it makes the mount point. Mode 0755 unless told. */
const MAKE = "X-mount.mkdir";

/**
 * What one `mount` mounts: a program that starts costs more than all that it mounts. `/tmp` and `/dev/shm` are mounts of themselves, because
 * that makes them. The image comes before the disk, which may hold its changes: overlayfs warns of an upper directory inside one that is in use.
 */
export function mountTable(
  layout: StateLayout,
  mount: DiskMount,
  root: RootMount | null,
  limits: Pick<SessionLimits, "tmpBytes" | "tmpInodes">,
): string {
  const lines = [
    tableLine("chaser", layout.state, "tmpfs", tmpfsOptions(limits)),
    tableLine(layout.tmp, layout.tmp, "none", `bind,${MAKE}=1777`),
    tableLine(layout.shm, layout.shm, "none", `bind,${MAKE}=1777`),
  ];
  if (root !== null)
    lines.push(tableLine("root", layout.root, "overlay", `${MAKE},${rootOverlayOptions(root)}`));
  else if (mount.driver === "overlay")
    lines.push(tableLine("disk", layout.disk, "overlay", `${MAKE},${overlayOptions(mount)}`));
  return lines.join("");
}

/** Has what `mountTable` gives. The script closes it. */
export const TABLE_FD = 3;

/** What the script says first: its namespaces exist, and what else is to be done in them need not wait for it. */
export const UNSHARED = "+";

/**
 * Run by `sh` as the root of the keeper's namespaces, then becomes the program that starts init. The tests on the
 * disk keep a link that came with its content (a restored snapshot, say) from showing a host directory inside. Overlays name their layers
 * from where `mount` works, so a second one needs a second `mount`. System V shared memory is bounded, because it stays when the process that
 * made it is gone; kernels before 6.0 let nobody but root do that.
 */
export const KEEPER_SCRIPT = `set -eu
place=$1 disk=$2 layers=$3 overlay=$4 shmall=$5
shift 5
echo ${UNSHARED}
{ echo "$shmall" > /proc/sys/kernel/shmall; } 2>/dev/null || :
umask 0
cd "$place"
mount -a -T /proc/self/fd/${String(TABLE_FD)}
if [ -n "$overlay" ]; then
  cd "$layers"
  mount -t overlay -o "$overlay" disk "$disk"
fi
for directory in "$disk" "$disk/workspace" "$disk/home" "$disk/home/chaser"; do
  if [ -L "$directory" ] || [ ! -d "$directory" ]; then
    echo "chaser: $directory is not a directory" >&2
    exit 1
  fi
done
cd /
exec "$@" ${String(TABLE_FD)}<&-
`;

/** The script's positional arguments, before the command that it becomes. */
export function keeperArguments(
  layout: StateLayout,
  mount: DiskMount,
  root: RootMount | null,
  { tmpBytes }: Pick<SessionLimits, "tmpBytes">,
): string[] {
  const isOverlay = mount.driver === "overlay";
  const place = root?.layersDir ?? (isOverlay ? mount.layersDir : "/");
  const later = isOverlay && root !== null ? [mount.layersDir, `${MAKE},${overlayOptions(mount)}`] : ["", ""];
  return [place, layout.disk, ...later, String(Math.ceil(tmpBytes / PAGE_BYTES))];
}
