/**
 * What keeps attacks out, as pieces of the compiled source, each with the tests that must fail without it. Changes that
 * do not touch each other are made together, so that a handful of sessions tries them all.
 *
 * Not here, because something else holds as well, or because trying it would leave something on the host:
 * - `--die-with-parent`: the end of init's pipe ends the session, and with it all that runs there.
 * - `--clearenv`, and the empty environment of `launch`: each keeps the server's from a command without the other.
 * - `nosuid`, `no_new_privs`: bwrap has no switch for them; setuid also means nothing where only one user is mapped.
 * - `--unshare-pid`, the keeper's `--ipc`: without them, the attacks would leave processes and segments on the host.
 * - a command's own user namespace: without it the command is root of the session's, and the trial of a session, with which
 *   every test of sandboxes begins, sees that already.
 * - calls that need a capability (`reboot`, `init_module`, `swapon` and the like): the kernel refuses them, too.
 * - links in layers that lead out: without that refusal, the attack replaces files of the host.
 * - digests of manifests and blobs while they are fetched: skopeo compares them, too.
 * - each one of git's settings: most of them close what another setting, the environment or git's own default has closed.
 */
import { noNat } from "../support/available.js";
import { noForeignCall } from "../support/foreign-call.js";

export interface Change {
  /** Below `src`, as compiled. */
  file: string;
  piece: string;
  instead: string;
}

export interface Mitigations {
  name: string;
  changes: readonly Change[];
  /** A file below `test`. */
  test: string;
  /** Names of tests in it. */
  noticedBy: readonly string[];
  /** Why that test cannot run here. */
  skip?: string | false;
}

const removed = (file: string, piece: string, instead = ""): Change => ({ file, piece, instead });

const policy = "sandbox/seccomp/policy.js";
const args = "sandbox/arguments.js";

export const MITIGATIONS: readonly Mitigations[] = [
  {
    name: "the rules of the system call filter",
    changes: [
      removed(policy, `...numbers(REFUSED, architecture).map((number) => equal(number, "refused")),`),
      removed(policy, `...numbers(ABSENT, architecture).map((number) => equal(number, "absent")),`),
      removed(policy, `equal(required("ioctl", architecture), "ioctl"),`),
      removed(policy, `equal(required("clone", architecture), "clone"),`),
      removed(policy, `equal(required("socket", architecture), "socket"),`),
    ],
    test: "security/kernel.test.js",
    noticedBy: [
      "types into its terminal with request 0x5412",
      "types into its terminal with request 0x100005412",
      "clones into a new user namespace",
      "clones into a new user namespace with clone3, whose flags a filter cannot see",
      "opens a socket of family packet",
      "unshares its user namespace",
      "changes a mount's attributes",
      "handles its own page faults",
      "finds its session keyring",
      "adds a key",
      "is traced",
      "reads memory by process_vm_readv",
      "takes a file's handle",
      "switches off address randomisation",
      "asks where its memory lies",
    ],
  },
  {
    name: "the end of programs of another architecture",
    changes: [removed(policy, `, no: "kill" }`, ` }`)],
    test: "sandbox/seccomp/kernel.test.js",
    noticedBy: ["of another architecture end the process"],
    skip: noForeignCall,
  },
  {
    name: "read-only mounts",
    changes: [
      removed(args, `"--remount-ro", "/dev"`),
      removed(args, `"--remount-ro", "/", "--chdir", plan.cwd`, `"--chdir", plan.cwd`),
      removed(
        args,
        `return ["--ro-bind", entry.path, entry.path]`,
        `return ["--bind", entry.path, entry.path]`,
      ),
      removed(args, `["--ro-bind", plan.etc, "/etc"]`, `["--bind", plan.etc, "/etc"]`),
    ],
    test: "security/files.test.js",
    noticedBy: ["/ itself", "/usr itself", "/etc itself", "/dev itself"],
  },
  {
    name: "a network, a host name and a filter of the session's own",
    changes: [
      removed(args, `...(plan.makesNetwork ? ["--unshare-net"] : []),`),
      removed(args, `...(target.network === "host" ? [] : ["--net"]),`),
      removed(args, `"--unshare-uts", "--hostname", plan.hostname`),
      removed(args, `"--ipc", "--uts", "--pid"`, `"--ipc", "--pid"`),
      removed(args, `...["--seccomp", String(EXEC_FD.seccomp)],`),
    ],
    test: "security/processes.test.js",
    noticedBy: [
      "another session's listener on the loopback",
      "a listener of the host with a name in no directory",
      "the host's name",
      "loses its filter",
    ],
  },
  {
    name: "descriptors closed before a program starts, and no session of the server's",
    changes: [
      removed("platform/spawn.js", "sealDescriptors();\n    return spawn", "return spawn"),
      removed("platform/start.js", "sealDescriptors();\n    return startProcess", "return startProcess"),
      removed(args, `["--new-session"]`, "[]"),
    ],
    test: "sandbox/isolation.test.js",
    noticedBy: ["descriptors that the server inherited stay outside", "there is no terminal to type into"],
  },
  {
    name: "no mount on a link",
    changes: [removed("sandbox/mounts.js", `[ -L "$directory" ] || [`, "[")],
    test: "session/session.test.js",
    noticedBy: ["is refused on a disk whose directories are links"],
  },
  {
    name: "the limits of what /tmp holds",
    changes: [
      removed("sandbox/mounts.js", ",size=${String(limits.tmpBytes)},nr_inodes=${String(limits.tmpInodes)}"),
    ],
    test: "sandbox/limits.test.js",
    noticedBy: ["bounds memory, descriptors, and what /tmp holds"],
  },
  {
    name: "what the unpacker of layers refuses",
    changes: [
      removed("image/entry-path.js", "throw unsupported(`the name ${showPath(path)} leads upwards`)", ";"),
      removed("image/unpack.js", "throw unsupported(`a layer unpacks to more than", "void (`"),
      removed("image/unpack.js", "throw unsupported(`the image unpacks to more than", "void (`"),
      removed("image/unpack.js", "throw unsupported(`the image has more than", "void (`"),
    ],
    test: "image/unpack.test.js",
    noticedBy: [
      "a name that leads upwards",
      "a bomb in gzip, long before it is unpacked",
      "more bytes than allowed",
    ],
  },
  {
    name: "what else the unpacker of layers refuses",
    changes: [
      removed("image/entry-path.js", "throw unsupported(`the name ${showPath(path)} is too deep`)", ";"),
      removed(
        "image/entry-path.js",
        "throw unsupported(`the mark ${showPath(path)} removes nothing",
        "void (`",
      ),
      removed("image/entry-path.js", "throw unsupported(`the name ${showPath(path)} lies below", "void (`"),
      removed("image/unpack.js", "throw unsupported(`the mark ${showPath(path)} is a directory`)", ";"),
      removed("image/unpack.js", "throw unsupported(`${showPath(path)} is of a kind", "return void (`"),
      removed("image/unpack.js", `throw unsupported("a layer has a header`, `void ("`),
      removed("image/unpack.js", `throw unsupported("a layer is longer`, `void ("`),
      removed(
        "image/unpack.js",
        "throw unsupported(`layer ${job.layer.digest} does not unpack to",
        "void (`",
      ),
      removed(
        "image/layer-tree.js",
        `if (stat.type === "directory")\n                throw refused("is a directory");`,
      ),
      removed(
        "image/layer-tree.js",
        "throw unsupported(`the link ${showPath(path)} has a target",
        "return void (`",
      ),
    ],
    test: "image/unpack.test.js",
    noticedBy: [
      "a path that is too deep",
      "a removal of no name",
      "something below a removal",
      "a mark that is a directory",
      "a kind that nobody knows",
      "a pax record of gigabytes",
      "pax records without end",
      "a layer that is not what its digest says",
      "a digest that is not the layer's",
      "a hard link to a directory",
      "a link to nothing",
    ],
  },
  {
    name: "registries that are this machine or a private network",
    changes: [removed("image/images.js", "if (!isPrivateRegistry(registry) ||", "if (true ||")],
    test: "image/images.test.js",
    noticedBy: ["goes to no directory, and to no private network, that it was not allowed"],
  },
  {
    name: "the network that images are fetched in",
    changes: [
      removed("image/confinement.js", `"--unshare-net", `),
      removed("image/registry-network.js", "return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };", "return {};"),
    ],
    test: "image/registry-network.test.js",
    noticedBy: [
      "does not lead to another port of this machine",
      "does not lead to this machine in disguise",
      "does not lead there with a blob",
      "does not lead there with a service that gives tokens",
      "does not lead there with addresses in a manifest, nor does a layout",
    ],
  },
  {
    name: "what the way out of that network is judged by",
    changes: [removed("image/reach.js", "addresses.filter((address) => !isClosed(address))", "addresses")],
    test: "image/registry-network.test.js",
    noticedBy: [
      "does not lead to the metadata service",
      "does not lead to a private network",
      "does not lead to this machine in disguise",
    ],
  },
  {
    name: "what is left of the machine to what fetches images",
    changes: [
      removed("image/confinement.js", `"--ro-bind", "/", "/"`, `"--bind", "/", "/"`),
      removed("image/confinement.js", `"--unshare-pid", "--unshare-ipc"`, `"--unshare-pid"`),
    ],
    test: "image/confinement.test.js",
    noticedBy: ["without privilege has a place to write to, a loopback and nobody else"],
  },
  {
    name: "what skopeo may write and say",
    changes: [
      removed("image/skopeo.js", "{ resource: RLIMIT.fileSize, value: options.downloadBytesMax },"),
      removed("image/skopeo.js", "if (outputBytes > run.outputBytesMax)", "if (false)"),
    ],
    test: "image/skopeo.test.js",
    noticedBy: [
      "writes no file that is longer than all of an image may be",
      "is ended when it says too much",
    ],
  },
  {
    name: "what skopeo may take of memory",
    changes: [removed("image/skopeo.js", "{ resource: RLIMIT.data, value: FETCH_MEMORY_BYTES_MAX },")],
    test: "image/skopeo.test.js",
    noticedBy: ["takes only so much memory"],
  },
  {
    name: "the size and the digest of a configuration",
    changes: [
      removed("image/files.js", "found.size !== sizeBytes || sizeBytes > CONFIG_BYTES_MAX", "false"),
      removed("image/files.js", "if (digestOf(bytes) === digest)", "if (true)"),
    ],
    test: "image/files.test.js",
    noticedBy: [
      "is refused with another size, and when it is missing",
      "is refused with another digest",
      "is refused before it is read when it is too long",
    ],
  },
  {
    name: "which user of an image gives its name",
    changes: [
      removed("image/account-files.js", "&& Number(text) <= ID_MAX"),
      removed("image/account-files.js", "found.name !== ROOT", "true"),
      removed("image/account-files.js", "&& found.id !== 0"),
    ],
    test: "image/account-files.test.js",
    noticedBy: [
      `are not changed by the user "toor"`,
      `are not changed by the user "big"`,
      "leave root its name, whatever number the image gives it",
    ],
  },
  {
    name: "the number of entries in an image's root",
    changes: [removed("session/image-root.js", "if (entries.length > ROOT_ENTRIES_MAX)", "if (false)")],
    test: "image/session.test.js",
    noticedBy: ["an image whose root has more entries than can be mounted is refused"],
  },
  {
    name: "names of registries that mean an address",
    changes: [
      removed("image/reference.js", `if (last === "localhost")\n        return true;`),
      removed(
        "image/reference.js",
        "return !isIPv4(host) || isPrivate(host)",
        "return isIPv4(host) && isPrivate(host)",
      ),
    ],
    test: "image/reference.test.js",
    noticedBy: ["keeps from localhost", "keeps from 127.1"],
  },
  {
    name: "the routes that close private networks, and slirp4netns's own wall",
    changes: [
      removed("sandbox/network.js", "new Set([...CLOSED_RANGES, ...addresses])", "new Set()"),
      removed("sandbox/network.js", `"--disable-host-loopback",`),
    ],
    test: "session/network.test.js",
    noticedBy: [
      "does not reach the host by any of its addresses, nor by the gateway",
      "does not reach private, link-local and shared ranges",
    ],
    skip: await noNat(),
  },
  {
    name: "what keeps a repository and its host in their place",
    changes: [
      removed("import/git.js", `"http.followRedirects": "false"`, `"http.followRedirects": "true"`),
      removed("import/git.js", `"http.sslVerify": "true"`, `"http.sslVerify": "false"`),
      removed("import/source.js", "if (!hosts.includes(place))", "if (false)"),
      removed("import/reason.js", "text = text.replaceAll(form, HIDDEN);", ";"),
    ],
    test: "../../../server/dist/test/routes/imports.test.js",
    noticedBy: [
      "redirects are not followed, wherever they lead",
      "a certificate that nobody trusts ends it",
      "what may not be named is refused before anything is started",
      "a token reaches its host when that asks, and nothing else",
    ],
  },
  {
    name: "what keeps a file that comes in from links and directories in its place",
    changes: [
      removed("files/scripts.js", `exec mv -fT -- "$new" "$1"`, `exec mv -f -- "$new" "$1"`),
      removed("files/scripts.js", `cp -a -l --remove-destination`, "cp -a"),
      removed("files/scripts.js", `[ -f "$1" ] && [ ! -L "$1" ]`, `[ -f "$1" ]`),
    ],
    test: "files/write.test.js",
    noticedBy: [
      "takes the place of a link, not of what it leads to, nor that one's mode",
      "takes the place of a link to a directory that was not there when it came",
      "does not go into a directory that takes its place",
      "of an archive replaces a link, too, and fails at one that stands for a directory",
    ],
  },
  {
    name: "what the host reads of layers",
    changes: [
      removed("image/layer-stack.js", `stat.type !== "file" || stat.sizeBytes > bytesMax`, "false"),
      removed("image/layer-stack.js", `return hidesBelow ? null : "below"`, `return "below"`),
    ],
    test: "image/layer-stack.test.js",
    noticedBy: ["is nothing below what hides it", "is read only of files, and of none that is too long"],
  },
  {
    name: "what a manifest may be",
    changes: [
      removed("image/manifest.js", "if (manifests !== undefined && layers !== undefined)", "if (false)"),
      removed("image/manifest.js", "|| list.length > LAYERS_MAX"),
      removed("image/manifest.js", "if (compression === undefined)", "if (false)"),
    ],
    test: "image/manifest.test.js",
    noticedBy: [
      "both at once is refused",
      "with more layers than can be mounted is refused",
      "with a layer of a kind that nobody knows is refused",
    ],
  },
];
