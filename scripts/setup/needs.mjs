// Every program from outside npm that this repository uses, with the Debian package that has it and the reason.

/** What the product itself starts. */
const product = [
  { command: "bwrap", package: "bubblewrap", why: "every sandboxed command runs in it" },
  {
    command: "slirp4netns",
    package: "slirp4netns",
    why: "gives a sandbox a network without the host's loopback",
  },
  { command: "ip", package: "iproute2", why: "closes private networks to a sandbox that has a network" },
  { command: "unshare", package: "util-linux", why: "makes a session's namespaces" },
  { command: "nsenter", package: "util-linux", why: "enters a session's namespaces" },
  { command: "mount", package: "mount", why: "mounts a disk's layers" },
  { command: "skopeo", package: "skopeo", why: "fetches images from registries" },
  { command: "git", package: "git", why: "imports repositories into workspaces" },
  { command: "tar", package: "tar", why: "directories go into and out of a session with it" },
];

/** What compiles the native addons. Only asked for when one must be compiled. */
export const toolchain = [
  { command: "g++", package: "g++", why: "compiles the native addons" },
  { command: "make", package: "make", why: "compiles the native addons" },
  { command: "python3", package: "python3", why: "node-gyp is written in it" },
];

/** What the tests compare against or make test data with. */
const tests = [
  { command: "rsync", package: "rsync", why: "compares restored trees independently of our own code" },
  { command: "setfattr", package: "attr", why: "makes files with extended attributes" },
  { command: "setfacl", package: "acl", why: "makes files with access control lists" },
  { command: "mkfs.ext4", package: "e2fsprogs", why: "the server is tested on a filesystem that is full" },
  { command: "mkfs.btrfs", package: "btrfs-progs", why: "disks are tested on a filesystem with subvolumes" },
  { command: "mkfs.xfs", package: "xfsprogs", why: "disks are tested on a filesystem with shared extents" },
  { command: "mkfs.ext4", package: "e2fsprogs", why: "disks are tested on a filesystem with project quotas" },
  { command: "busybox", package: "busybox-static", why: "images for tests consist of it" },
  { command: "docker-registry", package: "docker-registry", why: "images are pulled from a real registry" },
  {
    command: "openssl",
    package: "openssl",
    why: "makes the certificate of the Git server that imports are tested with",
  },
  { command: "zstd", package: "zstd", why: "the benchmark's tar contender compresses with it" },
];

/** The programs the benchmark compares with. */
const contenders = [
  { command: "restic", package: "restic", why: "contender" },
  { command: "borg", package: "borgbackup", why: "contender" },
  { command: "zstd", package: "zstd", why: "contender, with tar" },
  { command: "mkfs.btrfs", package: "btrfs-progs", why: "contender of clones, on a mounted image" },
  { command: "mkfs.xfs", package: "xfsprogs", why: "contender of clones, on a mounted image" },
  { command: "rsync", package: "rsync", why: "verifies what each contender restored" },
];

/** What the set-up is for decides what must be there. */
export const needs = {
  // What npm and the compiler make is enough.
  lint: [],
  quickstart: product,
  test: [...product, ...tests],
  bench: [...product, ...contenders],
};
