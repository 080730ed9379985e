/** Files, mounts and devices: what is not there, what cannot be written, and tricks with links and marks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeAttempts, each, number, type Attempt } from "./attempts.js";

const sh = (attack: string, script: string, refused: RegExp): Attempt => ({
  attack,
  run: { sh: script },
  refused,
});

const ABSENT = [
  "/root",
  "/boot",
  "/sys",
  "/srv",
  "/mnt",
  "/media",
  "/opt",
  "/var/lib",
  "/var/log",
  "/var/spool",
  "/var/run/docker.sock",
  "/run/docker.sock",
  "/run/containerd/containerd.sock",
  "/run/dbus/system_bus_socket",
  "/run/systemd",
  "/run/user",
  "/etc/shadow",
  "/etc/gshadow",
  "/etc/sudoers",
  "/etc/ssh",
  "/etc/cron.d",
  "/etc/machine-id",
  "/sys/fs/cgroup",
  "/sys/kernel/debug",
  "/proc/1/root/etc",
  "/.dockerenv",
  "/lost+found",
];

const DEVICES = [
  ...["mem", "kmem", "port", "kmsg", "sda", "nvme0n1", "vda", "loop0", "loop-control", "mapper/control"],
  ...["kvm", "vhost-net", "vhost-vsock", "vsock", "fuse", "net/tun", "dri", "input", "snd", "hpet"],
  ...[
    "console",
    "tty0",
    "vcs",
    "uinput",
    "watchdog",
    "cpu_dma_latency",
    "userfaultfd",
    "mqueue",
    "hugepages",
  ],
];

/** On mounts that are read-only whoever asks: without that, only the owner would keep them from being written. */
const READ_ONLY = ["/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/dev", "/home", "/run", "/var"];

const CONTENT = ["/usr/bin/env", "/etc/passwd", "/etc/group", "/etc/resolv.conf", "/etc/hosts"];

/** State of the kernel. What is not there on this machine is not there to be written either. */
const KERNEL_FILES = [
  "/proc/sysrq-trigger",
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/kernel/hotplug",
  "/proc/sys/kernel/randomize_va_space",
  "/proc/sys/kernel/yama/ptrace_scope",
  "/proc/sys/kernel/unprivileged_userns_clone",
  "/proc/sys/fs/binfmt_misc/register",
  "/proc/sys/fs/protected_symlinks",
  "/proc/sys/fs/suid_dumpable",
  "/proc/sys/vm/drop_caches",
  "/proc/sys/vm/overcommit_memory",
  "/proc/sys/net/ipv4/ip_forward",
  "/proc/sys/user/max_user_namespaces",
  "/proc/irq/default_smp_affinity",
  "/proc/self/uid_map",
  "/proc/self/gid_map",
  "/proc/self/setgroups",
  "/sys/fs/cgroup/cgroup.procs",
  "/sys/fs/cgroup/release_agent",
  "/sys/kernel/uevent_helper",
];

const SECRETS_OF_THE_KERNEL = [
  "/proc/kcore",
  "/proc/kmsg",
  "/proc/kpagecount",
  "/proc/kpageflags",
  "/proc/vmallocinfo",
  "/proc/slabinfo",
  "/proc/sys/kernel/cad_pid",
];

const mayNotRead = /^(\n|head: .*(Permission denied|No such file|Operation not permitted).*\n)+$/;
const mayNotWrite =
  /Read-only|Permission denied|nonexistent|No such file|Operation not permitted|Invalid argument|I\/O error/;

describeAttempts("from inside, a program that looks for", [
  ...each(ABSENT, (path) => sh(path, `ls -d ${path} > /dev/null 2>&1 && echo there`, /^$/)),
  ...each(DEVICES, (name) => sh(`/dev/${name}`, `ls -d /dev/${name} > /dev/null 2>&1 && echo there`, /^$/)),
  ...each(SECRETS_OF_THE_KERNEL, (path) => sh(path, `head -c 64 ${path} | tr -d '\\0'; echo`, mayNotRead)),
  sh(
    "addresses of the kernel",
    "awk '$1 !~ /^0+$/' /proc/kallsyms /proc/modules 2>/dev/null | head -3",
    /^$/,
  ),
]);

describeAttempts("from inside, a program that writes to", [
  ...each(READ_ONLY, (path) =>
    sh(`${path} itself`, `touch ${path}/chaser-was-here`, /Read-only file system/),
  ),
  ...each(CONTENT, (path) =>
    sh(path, `: >> ${path} && echo written`, /Read-only file system|Permission denied/),
  ),
  ...each(KERNEL_FILES, (path) => sh(path, `(echo 0 > ${path}) 2>&1 && echo written`, mayNotWrite)),
]);

describeAttempts("from inside, a program that makes", [
  sh("the memory's device", "mknod /workspace/mem c 1 1", /Operation not permitted/),
  sh("a disk's device", "mknod /tmp/disk b 8 0", /Operation not permitted/),
  sh("a device in /dev/shm", "mknod /dev/shm/tty c 5 1", /Operation not permitted/),
  sh(
    "a user of its own in /etc/passwd by a rename",
    "echo x > /tmp/p; mv -f /tmp/p /etc/passwd",
    /Read-only/,
  ),
  sh(
    "a hard link to a file of the host",
    "ln /usr/bin/env /workspace/env",
    /Invalid cross-device link|not permitted/,
  ),
  sh(
    "a link to a mount point's place",
    "rmdir /workspace; ln -sfn /etc /workspace && ls -d /workspace/passwd",
    /busy|Read-only/,
  ),
  sh("another directory of a mount point", "mv /home/chaser /home/other", /busy|Read-only/),
  sh(
    "a file writable for root only, then owns it",
    "touch own && chown 0:0 own",
    /Operation not permitted|Invalid argument/,
  ),
  sh(
    "a program with the capabilities of root",
    "cp /usr/bin/env capable && (setcap cap_sys_admin+ep capable || setfattr -n security.capability -v 0x0100000200002000000000000000000000000000 capable) 2>&1; ./capable grep CapEff /proc/self/status",
    /CapEff:\s+0{16}\n$/,
  ),
  sh(
    "a program that runs as its owner",
    "cp /usr/bin/id identity && chmod 6755 identity && ./identity -u",
    /^1000\n$/,
  ),
]);

describeAttempts("from inside, marks of an overlay", [
  ...each(
    [
      "user.overlay.opaque -v y",
      "user.overlay.whiteout -v y",
      "user.overlay.redirect -v /",
      "user.overlay.metacopy -v 0x00",
      "trusted.overlay.opaque -v y",
      "trusted.overlay.redirect -v /",
    ],
    (mark) =>
      sh(
        `${mark} hide and reveal nothing`,
        `rm -rf d && mkdir d && echo kept > d/f && { setfattr -n ${mark} d; setfattr -n ${mark} d/f; } 2> /dev/null; cat d/f && ls d`,
        /^kept\nf\n$/,
      ),
  ),
  {
    attack: "a character device of number 0, which would hide a file",
    run: { sh: "mknod hidden c 0 0 && ls -l hidden | cut -c1" },
    // The kernel lets everybody make this one; an overlay does not let its marks be made through it.
    refused: /^c\n$|not permitted|Invalid argument/,
  },
]);

describeAttempts(
  "from inside, a program that reaches for a file of the host by",
  [
    sh("its path", "cat $OUTSIDE", /No such file/),
    sh("a link", "ln -sfn $OUTSIDE l; cat l; echo x > l", /No such file|nonexistent/),
    sh("/proc/self/root", "cat /proc/self/root$OUTSIDE", /No such file/),
    sh("/proc/self/cwd and dots", "cat /proc/self/cwd/../../../../../../..$OUTSIDE", /No such file/),
    sh("the root of PID 1", "cat /proc/1/root$OUTSIDE", /Permission denied/),
    sh(
      "descriptors that someone left open",
      "for f in /proc/[0-9]*/fd/*; do cat $f/..$OUTSIDE $f$OUTSIDE; done 2> /dev/null; true",
      /^$/,
    ),
    // That of the directory with its /etc stands there, as is written in SECURITY.md.
    sh("the mount table", "grep -hF $(dirname $OUTSIDE) /proc/[0-9]*/mountinfo | grep -v ' /etc '", /^$/),
    {
      attack: "a working directory outside of its root",
      run: {
        perl: `my $d = "/workspace"; syscall(${number("chroot")}, $d); chdir("..") for 1 .. 50; print -e ".$ENV{OUTSIDE}" ? "found" : "gone"`,
      },
      refused: /^gone$/,
    },
  ],
  {
    prepare: ({ directory }) => {
      const outside = join(directory, "outside");
      writeFileSync(outside, "found\n", { mode: 0o666 });
      return { OUTSIDE: outside };
    },
  },
);
