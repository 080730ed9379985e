/** Other processes, privilege, and what is told to whom. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { runIn } from "../support/fixture.js";
import { describeAttempts, each, type Attempt } from "./attempts.js";

/** Leaves something of each kind in its session, and a process that holds it. */
const OTHER = `use Socket; $| = 1; $^F = 100;
open(my $f, ">", "$_/other") or die "$!" for "/tmp", "/dev/shm", "/workspace";
defined shmget(1, 4096, 0600 | 512) or die "$!"; defined msgget(1, 0600 | 512) or die "$!"; defined semget(1, 1, 0600 | 512) or die "$!";
socket(my $u, PF_UNIX, SOCK_STREAM, 0); bind($u, pack("Sa*", 1, "\\0other")) or die "$!"; listen($u, 1);
socket(my $l, PF_INET, SOCK_STREAM, 0); bind($l, sockaddr_in(7411, inet_aton("127.0.0.1"))) or die "$!"; listen($l, 1);
print "ready";
if (!fork) { open(STDIN, "<", "/dev/null"); open(STDOUT, ">", "/dev/null"); open(STDERR, ">", "/dev/null"); exec "perl", "-e", "sleep 1000", "marker-of-the-other" }`;

const sh = (attack: string, script: string, refused: RegExp): Attempt => ({
  attack,
  run: { sh: script },
  refused,
});

/** Programs that lend root's rights where they are installed setuid. */
const LENDERS = [
  "sudo -n id -u",
  "su root -c 'id -u'",
  "pkexec id -u",
  "doas id -u",
  "newgrp root",
  "sg root 'id -u'",
  "runuser -u root id",
  "setpriv --reuid 0 id -u",
  "capsh --user=root -- -c 'id -u'",
  "newuidmap $$ 0 0 1",
  "mount -t tmpfs x /tmp",
  "umount -l /tmp",
  "unshare -r id -u",
  "nsenter -t 1 -a id -u",
  "bwrap --unshare-user --uid 0 --dev-bind / / id -u",
];

const OF_INIT = [
  ...["environ", "mem", "maps", "auxv", "io", "stack", "syscall", "pagemap", "personality", "timers"],
  ...["fd/0", "fdinfo/0", "map_files/", "root/", "cwd/", "exe", "ns/user", "ns/mnt", "ns/net", "ns/pid"],
];

const SIGNALS = ["TERM", "KILL", "STOP", "HUP", "SEGV"];

describeAttempts("from inside, a program that wants to be more", [
  ...each(LENDERS, (command) =>
    sh(
      `runs ${command.split(" ").slice(0, 3).join(" ")}`,
      `${command} > out 2>/dev/null; code=$?; grep -qx 0 out && echo root; [ $code != 0 ] && echo refused`,
      /^refused\n$/,
    ),
  ),
  {
    attack: "calls setuid(0)",
    run: { perl: "$! = 0; $> = 0; attempt($> == 0)" },
    refused: /^(EINVAL|EPERM)\n$/,
  },
  {
    attack: "calls setgid(0)",
    run: { perl: '$! = 0; $) = "0 0"; attempt($)+0 == 0)' },
    refused: /^(EINVAL|EPERM)\n$/,
  },
  sh(
    "looks for capabilities",
    "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -vc '0000000000000000$'",
    /^0\n$/,
  ),
  sh("loses no_new_privs", "grep NoNewPrivs /proc/self/status", /:\s1\n$/),
  sh("loses its filter", "grep -E '^Seccomp:' /proc/self/status", /:\s2\n$/),
  sh("raises its priority", "nice -n -5 nice", /cannot set niceness|^0\n$/),
  sh("runs in real time", "chrt -f 50 true && echo real", /Operation not permitted/),
  sh(
    "is spared when memory runs out",
    "echo -1000 > /proc/self/oom_score_adj && echo spared",
    /denied|I\/O error/,
  ),
  sh("raises its number of descriptors", "ulimit -n 1048576 && echo raised", /limit/),
  sh("raises its memory", "ulimit -d unlimited && echo raised", /limit/),
  sh("raises its core files", "ulimit -c unlimited && echo raised", /limit/),
  sh("locks much memory", "ulimit -l unlimited && echo raised", /limit|raise|^raised\n$/),
]);

describeAttempts("from inside, PID 1 keeps", [
  ...each(OF_INIT, (name) =>
    sh(
      `its ${name}`,
      `p=/proc/1/${name}; { ls $p/. || cat $p || readlink $p; } 2>/dev/null | tr -d '\\0'; true`,
      /^$/,
    ),
  ),
  ...each(SIGNALS, (signal) =>
    sh(
      `running under SIG${signal}`,
      `kill -${signal} 1 2>/dev/null; sleep 0.02; cat /proc/1/comm`,
      /^cat\n$/,
    ),
  ),
  sh("its command line short", "tr '\\0' ' ' < /proc/1/cmdline", /^cat $/),
]);

describeAttempts(
  "from inside, a program does not find",
  [
    sh("another session's process", "grep -la marker-of-the-[o]ther /proc/[1-9]*/cmdline", /^$/),
    sh("the server", "grep -laF $SERVER_TEXT /proc/[1-9]*/cmdline", /^$/),
    sh("more processes than its session's", "ls -d /proc/[1-9]* | wc -l | grep -vE '^.$'", /^$/),
    sh("another session's files in /tmp", "ls -A /tmp | grep other", /^$/),
    sh("another session's files in /dev/shm", "ls -A /dev/shm | grep other", /^$/),
    sh("another session's workspace", "ls -A /workspace | grep other", /^$/),
    sh("another session's shared memory", "tail -n +2 /proc/sysvipc/shm", /^$/),
    sh("another session's message queues", "tail -n +2 /proc/sysvipc/msg", /^$/),
    sh("another session's semaphores", "tail -n +2 /proc/sysvipc/sem", /^$/),
    sh("another session's sockets with a name in no directory", "grep -a other /proc/net/unix", /^$/),
    {
      attack: "another session's listener on the loopback",
      run: {
        perl: `socket(my $s, PF_INET, SOCK_STREAM, 0); attempt(connect($s, sockaddr_in(7411, inet_aton("127.0.0.1"))))`,
      },
      refused: /^ECONNREFUSED\n$/,
    },
    {
      attack: "a listener of the host with a name in no directory",
      run: {
        perl: `socket(my $s, PF_UNIX, SOCK_STREAM, 0); attempt(connect($s, pack("S", 1) . $_)) for "\\0$ENV{HOST_LISTENER}", pack("a108", "\\0$ENV{HOST_LISTENER}")`,
      },
      refused: /^ECONNREFUSED\nECONNREFUSED\n$/,
    },
    sh("the host's name", "grep -Fx -- $HOST_NAME /proc/sys/kernel/hostname", /^$/),
    sh(
      "the server's environment",
      "tr '\\0' '\\n' < /proc/self/environ | grep -E '^(LC_ALL|NODE|npm_|SSH_|XDG_|DBUS_)'",
      /^$/,
    ),
    sh("a descriptor beyond its three", "ls /proc/$$/fd | grep -vE '^(0|1|2|10)$'", /^$/),
    sh("a terminal", "tty; (: > /dev/tty) 2> /dev/null && echo there", /^not a tty\n$/),
    sh("an agent or a bus to talk to", "env | grep -E 'SOCK|BUS|DISPLAY|AGENT'", /^$/),
  ],
  {
    prepare: async (fixture) => {
      const socket = `chaser-test-${String(process.pid)}`;
      createServer().listen(`\0${socket}`).unref();
      const other = await fixture.session();
      const { text } = await runIn(other, ["perl", "-e", OTHER]);
      assert.equal(text, "ready");
      return { SERVER_TEXT: process.argv[1] ?? "", HOST_NAME: hostname(), HOST_LISTENER: socket };
    },
  },
);
