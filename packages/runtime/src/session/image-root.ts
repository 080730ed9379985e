/**
 * The root of a session with an image: the image's layers, over them the runtime's own files in `/etc`, over these what
 * commands change, and have changed before. Commands get the entries of that root one by one, each on a mount point that is made fresh for them, so
 * a link in the image never decides where something is mounted.
 */
import { chownSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ChangesMount } from "@chaser/store";
import { isErrno, linuxFiles } from "@chaser/store/files";
import type { SessionImage } from "../api.js";
import { RuntimeError } from "../errors.js";
import { mountedLayers } from "../image/image.js";
import { findInLayers } from "../image/layer-stack.js";
import { ROOT_ENTRIES_MAX } from "../image/limits.js";
import { makeDirectory, writePublicFile } from "../platform/directory.js";
import { mountIdMapped, unmount } from "../platform/idmapped-mount.js";
import { hostsFile } from "../sandbox/etc.js";
import type { RootEntry } from "../sandbox/host-root.js";
import { SANDBOX_WORKSPACE } from "../sandbox/identity.js";
import type { RootMount } from "../sandbox/mounts.js";
import type { HostUser } from "../sandbox/spec.js";
import { layersDirectory, overridesDirectory, stackDirectory } from "./directory.js";

export interface ImageRoot {
  mount: RootMount;
  /** What commands get of it. `keeperPid` holds the mount at `root`. */
  entries(keeperPid: number, root: string): RootEntry[];
  /** To be called when the keeper has mounted it, or will not. Idempotent. */
  release(): void;
}

/** Put there by the runtime, whatever the image has. */
const OWN_ENTRIES = new Set(["dev", "home", "proc", "sys", "tmp", "workspace"]);

export function isOwnPath(path: string): boolean {
  return path !== SANDBOX_WORKSPACE && OWN_ENTRIES.has(path.split("/")[1] ?? "");
}

interface Setting {
  directory: string;
  etc: string;
  user: HostUser | null;
  hostname: string;
  idMap: (from: HostUser, to: HostUser) => Promise<number>;
}

export async function prepareImageRoot(image: SessionImage, setting: Setting): Promise<ImageRoot> {
  const overrides = writeOverrides(image, setting);
  const shown = await showLayers(image, setting);
  return {
    mount: stackOf(setting.directory, {
      ...image.changes,
      lower: [
        ...image.changes.lower,
        overrides,
        ...mountedLayers(image.image).map((id) => join(shown.directory, id)),
      ],
    }),
    entries: (keeperPid, root) => rootEntries(`/proc/${String(keeperPid)}/root${root}`, root),
    release: shown.release,
  };
}

/**
 * A directory of links that number what is to be mounted: so many paths would not fit into one mount's options, and no path of the
 * host stands in the mount table that commands can read.
 */
function stackOf(directory: string, { lower, upper, work }: ChangesMount): RootMount {
  const layersDir = stackDirectory(directory);
  makeDirectory(layersDir, 0o755);
  const named = { ...Object.fromEntries(lower.entries()), upper, work };
  for (const [name, path] of Object.entries(named)) symlinkSync(path, join(layersDir, name));
  return { layersDir, lower: lower.map((_, number) => String(number)) };
}

/** A layer of the runtime's own: `/etc` is a directory then, whatever the image made of it. */
function writeOverrides(session: SessionImage, { directory, etc, user, hostname }: Setting): string {
  const { image } = session;
  const overrides = overridesDirectory(directory);
  const contents = {
    passwd: image.passwd,
    group: image.group,
    hostname: `${hostname}\n`,
    hosts: hostsFile(hostname),
    "resolv.conf": readFileSync(join(etc, "resolv.conf"), "utf8"),
  };
  const directories = [".", "etc"];
  const files = Object.entries(contents).map(([name, content]) => [`etc/${name}`, content] as const);
  if (hasApt(session)) {
    directories.push("etc/apt", APT_DIRECTORY);
    files.push([`${APT_DIRECTORY}/00chaser`, APT_SETTINGS]);
  }
  for (const path of directories) makeDirectory(join(overrides, path), 0o755);
  for (const [path, content] of files) writePublicFile(join(overrides, path), content);
  if (user !== null) {
    const paths = [...directories, ...files.map(([path]) => path)];
    for (const path of paths) chownSync(join(overrides, path), user.uid, user.gid);
  }
  return overrides;
}

const APT_DIRECTORY = "etc/apt/apt.conf.d";

/** It would become another user for downloads, look whether it is, and give up. */
const APT_SETTINGS = 'APT::Sandbox::User "root";\n';

function hasApt({ image, layersDirectory: source }: SessionImage): boolean {
  const layers = mountedLayers(image).map((id) => join(source, id));
  try {
    return findInLayers(linuxFiles, layers, APT_DIRECTORY.split("/"))?.stat.type === "directory";
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new RuntimeError("sandbox_unavailable", "a layer of the image is missing", {}, { cause: error });
  }
}

/** The layers with the session's user as owner: changing a file of them copies it, and no copy is made for a stranger. */
async function showLayers(
  { layersDirectory: source, owner }: SessionImage,
  { directory, user, idMap }: Setting,
): Promise<{ directory: string; release: () => void }> {
  if (user === null || user.uid === owner?.uid) return { directory: source, release: () => undefined };
  const target = layersDirectory(directory);
  makeDirectory(target, 0o711);
  try {
    const from = owner ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    mountIdMapped(source, target, await idMap(from, user));
  } catch (error) {
    const reason = (error as Error).message;
    throw new RuntimeError(
      "sandbox_unavailable",
      `an image cannot be shown to the session's user: ${reason}`,
      {
        remedy:
          "Linux 5.19 and a filesystem with id-mapped mounts (ext4, XFS, btrfs) are needed, and CAP_SYS_ADMIN",
      },
    );
  }
  let mounted = true;
  const release = (): void => {
    if (mounted) unmount(target);
    mounted = false;
  };
  return { directory: target, release };
}

/** The keeper alone sees the root, so no command can change what is in it while it is read, or later. */
function rootEntries(seen: string, root: string): RootEntry[] {
  const entries = readdirSync(seen, { withFileTypes: true, encoding: "buffer" });
  if (entries.length > ROOT_ENTRIES_MAX) {
    throw new RuntimeError(
      "image_unsupported",
      `the image's root has more than ${String(ROOT_ENTRIES_MAX)} entries`,
    );
  }
  return entries.flatMap((entry): RootEntry[] => {
    const bytes = entry.name as unknown as Buffer;
    const name = bytes.toString("utf8");
    // One that is no text could not be named to the program that mounts it.
    if (OWN_ENTRIES.has(name) || !Buffer.from(name).equals(bytes)) return [];
    const path = `/${name}`;
    if (entry.isSymbolicLink()) return [{ kind: "link", path, target: readlinkSync(join(seen, name)) }];
    return entry.isDirectory() || entry.isFile() ? [{ kind: "image", path, source: `${root}/${name}` }] : [];
  });
}
