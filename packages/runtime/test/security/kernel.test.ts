/** Ways into the kernel, each with arguments that would work without the filter wherever there are such. */
import { describeAttempts, each, number, type Attempt } from "./attempts.js";

const NAMESPACES = {
  mount: "0x00020000",
  cgroup: "0x02000000",
  uts: "0x04000000",
  ipc: "0x08000000",
  user: "0x10000000",
  pid: "0x20000000",
  net: "0x40000000",
};

const refused = /^EPERM\n$/;
const hidden = /^ENOSYS\n$/;
const perl = (attack: string, script: string, expected = refused): Attempt => ({
  attack,
  run: { perl: script },
  refused: expected,
});

/** A terminal first; then what is none, where the kernel would say so, and only the filter says EPERM. */
const requested = (request: string): string => `open(my $t, "+<", "/dev/ptmx") or die "$!"; my $c = "\\3";
  call(${number("ioctl")}, fileno($_), ${request}, $c) for $t, *STDIN`;

const terminal: Attempt[] = [
  ...each(["0x5412", "0x100005412", "0xffffffff00005412", "0x8000000000005412"], (request) =>
    perl(`types into its terminal with request ${request}`, requested(request), /^EPERM\nEPERM\n$/),
  ),
  ...each(["0x541c", "0x10000541c"], (request) =>
    perl(`pastes from a console with request ${request}`, requested(request), /^EPERM\nEPERM\n$/),
  ),
];

const namespaces: Attempt[] = [
  ...each(Object.entries(NAMESPACES), ([name, flag]) =>
    perl(`unshares its ${name} namespace`, `call(${number("unshare")}, ${flag})`),
  ),
  ...each(Object.entries(NAMESPACES), ([name, flag]) =>
    perl(
      `clones into a new ${name} namespace`,
      `my $r = syscall(${number("clone")}, ${flag} | 17, 0, 0, 0, 0); exit if $r == 0; attempt($r != -1)`,
    ),
  ),
  perl(
    "clones into a new user namespace with clone3, whose flags a filter cannot see",
    `my $a = pack("Q11", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0); call(${number("clone3")}, $a, 88)`,
    hidden,
  ),
  ...each(["user", "mnt", "net", "pid", "ipc", "uts"], (name) =>
    perl(
      `enters its own ${name} namespace again`,
      `open(my $n, "<", "/proc/self/ns/${name}") or die "$!"; call(${number("setns")}, fileno($n), 0)`,
    ),
  ),
];

const mounts: Attempt[] = [
  perl(
    "mounts a tmpfs",
    `my ($s, $t, $f) = ("x", "/tmp", "tmpfs"); call(${number("mount")}, $s, $t, $f, 0, 0)`,
  ),
  perl(
    "binds the root over /tmp",
    `my ($s, $t) = ("/", "/tmp"); call(${number("mount")}, $s, $t, 0, 4096, 0)`,
  ),
  perl(
    "remounts /usr for writing",
    `my ($s, $t) = ("none", "/usr"); call(${number("mount")}, $s, $t, 0, 32 | 4096, 0)`,
  ),
  perl("unmounts /proc", `my $t = "/proc"; call(${number("umount2")}, $t, 2)`),
  perl("unmounts the workspace", `my $t = "/workspace"; call(${number("umount2")}, $t, 0)`),
  perl("pivots the root", `my $d = "."; call(${number("pivot_root")}, $d, $d)`),
  perl("changes the root", `my $d = "/workspace"; call(${number("chroot")}, $d)`),
  perl("clones a mount", `my $d = "/usr"; call(${number("open_tree")}, -100, $d, 1)`, hidden),
  perl("opens a filesystem", `my $f = "tmpfs"; call(${number("fsopen")}, $f, 0)`, hidden),
  perl("picks a filesystem to change", `my $d = "/usr"; call(${number("fspick")}, -100, $d, 0)`, hidden),
  perl(
    "changes a mount's attributes",
    `my ($d, $a) = ("/usr", pack("Q4", 0, 1, 0, 0)); call(${number("mount_setattr")}, -100, $d, 0, $a, 32)`,
    hidden,
  ),
];

const interfaces: Attempt[] = [
  perl("makes an io_uring", `my $p = "\\0" x 120; call(${number("io_uring_setup")}, 8, $p)`, hidden),
  perl("loads a bpf map", `my $a = pack("L4", 2, 4, 4, 1) . "\\0" x 56; call(${number("bpf")}, 0, $a, 72)`),
  perl(
    "counts its own cycles",
    `my $a = pack("L2Q", 1, 112, 0) . "\\0" x 96; call(${number("perf_event_open")}, $a, 0, -1, -1, 0)`,
  ),
  perl("handles page faults of the kernel", `call(${number("userfaultfd")}, 0)`),
  perl("handles its own page faults", `call(${number("userfaultfd")}, 1)`),
  perl("finds its session keyring", `call(${number("keyctl")}, 0, -3, 1)`),
  perl("joins a new session keyring", `call(${number("keyctl")}, 1, 0)`),
  perl(
    "adds a key",
    `my ($t, $d, $p) = ("user", "chaser", "x"); call(${number("add_key")}, $t, $d, $p, 1, -2)`,
  ),
  perl(
    "asks for a key, which starts a program of the host",
    `my ($t, $d, $c) = ("user", "chaser", "x"); call(${number("request_key")}, $t, $d, $c, -2)`,
  ),
  perl(
    "reads memory by process_vm_readv",
    `my ($b, $s) = ("\\0" x 8, "secret!!"); my $l = pack("PQ", $b, 8); my $r = pack("PQ", $s, 8); call(${number("process_vm_readv")}, $$, $l, 1, $r, 1, 0)`,
  ),
  perl(
    "writes memory by process_vm_writev",
    `my ($b, $s) = ("\\0" x 8, "secret!!"); my $l = pack("PQ", $b, 8); my $r = pack("PQ", $s, 8); call(${number("process_vm_writev")}, $$, $l, 1, $r, 1, 0)`,
  ),
  perl("compares kernel objects", `call(${number("kcmp")}, $$, $$, 0, 0, 1)`),
  perl("is traced", `call(${number("ptrace")}, 0, 0, 0, 0)`),
  perl(
    "traces its child",
    `my $p = fork; if (!$p) { sleep 5; exit } my $r = syscall(${number("ptrace")}, 16, $p, 0, 0); attempt($r != -1); kill 9, $p`,
  ),
  perl("switches off address randomisation", `call(${number("personality")}, 0x0040000)`),
  perl("becomes a program of another system", `call(${number("personality")}, 1)`),
  perl(
    "takes a file's handle",
    `my ($f, $h, $m) = ("/usr", pack("L2", 120, 0) . "\\0" x 120, "\\0" x 4); call(${number("name_to_handle_at")}, -100, $f, $h, $m, 0)`,
  ),
  perl(
    "opens inode 2 by its handle, past the mounts",
    `my $h = pack("LlLL", 8, 1, 2, 0); open(my $d, "<", "/workspace") or die "$!"; call(${number("open_by_handle_at")}, fileno($d), $h, 0)`,
  ),
  perl("reads the kernel's log", `my $b = "\\0" x 4096; call(${number("syslog")}, 3, $b, 4096)`),
  perl("asks for the size of the kernel's log", `call(${number("syslog")}, 10, 0, 0)`),
  perl("asks where its memory lies", `my $m = "\\0" x 8; call(${number("get_mempolicy")}, $m, 0, 0, 0, 0)`),
  perl("sets where its memory lies", `call(${number("set_mempolicy")}, 0, 0, 0)`),
  perl("moves its pages", `call(${number("move_pages")}, 0, 0, 0, 0, 0, 0)`),
  perl("loads a module", `my ($i, $o) = ("x", ""); call(${number("init_module")}, $i, 1, $o)`),
  perl(
    "loads a module from a file",
    `open(my $f, "<", "/etc/passwd"); my $o = ""; call(${number("finit_module")}, fileno($f), $o, 0)`,
  ),
  perl("removes a module", `my $n = "overlay"; call(${number("delete_module")}, $n, 0)`),
  perl("loads another kernel", `call(${number("kexec_load")}, 0, 0, 0, 0)`),
  perl("restarts the machine", `call(${number("reboot")}, 0xfee1dead, 672274793, 0, 0)`),
  perl("swaps to its own file", `my $f = "/workspace/x"; call(${number("swapon")}, $f, 0)`),
  perl("keeps accounts of processes", `my $f = "/workspace/x"; call(${number("acct")}, $f)`),
  perl("sets the clock", `my $t = pack("q2", 0, 0); call(${number("clock_settime")}, 0, $t)`),
  perl("reads the clock's discipline", `my $t = "\\0" x 256; call(${number("adjtimex")}, $t)`),
  perl("renames the host", `my $n = "x"; call(${number("sethostname")}, $n, 1)`),
  perl("watches all files", `call(${number("fanotify_init")}, 0x200, 0)`),
];

/** Numbers of linux/socket.h: code of the kernel that few machines ever run, and the hypervisor's. */
const FAMILIES = {
  unspecified: 0,
  ax25: 3,
  ipx: 4,
  appletalk: 5,
  x25: 9,
  key: 15,
  packet: 17,
  rds: 21,
  pppox: 24,
  llc: 26,
  can: 29,
  tipc: 30,
  bluetooth: 31,
  alg: 38,
  nfc: 39,
  vsock: 40,
  kcm: 41,
  qipcrtr: 42,
  smc: 43,
  xdp: 44,
  mctp: 45,
};
const sockets: Attempt[] = [
  ...each(Object.entries(FAMILIES), ([name, family]) =>
    perl(
      `opens a socket of family ${name}`,
      `for my $type (1, 2, 3, 5) { socket(my $s, ${String(family)}, $type, 0) and print "opened "; } attempt(0)`,
      /^EAFNOSUPPORT\n$/,
    ),
  ),
  perl("opens a raw socket", "attempt(socket(my $s, 2, 3, 1))"),
  perl("opens a raw socket of IPv6", "attempt(socket(my $s, 10, 3, 58))"),
  perl(
    "adds a rule to the packet filter",
    // NFNL_MSG_BATCH_BEGIN, then NFT_MSG_NEWTABLE, then the end; asked to acknowledge.
    `socket(my $s, 16, 3, 12) or do { attempt(0); exit };
     my $m = pack("LSSLLCCn", 20, 0x10, 5, 1, 0, 0, 0, 10); send($s, $m, 0); vec(my $r = "", fileno($s), 1) = 1;
     if (!select($r, undef, undef, 0.2)) { print "EPERM\\n"; exit } recv($s, my $b, 4096, 0);
     $! = -unpack("x16l", $b); attempt($! == 0)`,
  ),
];

describeAttempts("from inside, a program that uses terminals", terminal);
describeAttempts("from inside, a program that makes namespaces", namespaces);
describeAttempts("from inside, a program that mounts", mounts);
describeAttempts("from inside, a program that asks the kernel for more", interfaces);
describeAttempts("from inside, a program that opens sockets", sockets);
