import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { capture, Images, RuntimeError, type Image, type Session } from "../../src/index.js";
import { ROOT_ENTRIES_MAX } from "../../src/image/limits.js";
import { noSandbox } from "../support/available.js";
import { Fixture, HOST_UID, runIn, runsAsRoot } from "../support/fixture.js";
import { makeLayout, tarOf, type LayoutOptions, type TarEntry } from "./layout.js";

/** A static program with everything a test needs. */
const busybox = readFileSync("/bin/busybox");

export const busyboxEntries: TarEntry[] = [
  { name: "bin/", type: "directory", mode: 0o755 },
  { name: "bin/busybox", mode: 0o755, content: busybox },
  ...[
    "sh",
    "ls",
    "cat",
    "id",
    "env",
    "rm",
    "mkdir",
    "touch",
    "readlink",
    "stat",
    "pwd",
    "sort",
    "hostname",
    "chown",
    "su",
    "grep",
  ].map((name): TarEntry => ({ name: `bin/${name}`, type: "symlink", linkname: "busybox" })),
  { name: "etc/", type: "directory", mode: 0o755 },
  { name: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n" },
  { name: "etc/image", content: "of the image\n" },
];

interface Place extends AsyncDisposable {
  fixture: Fixture;
  images: Images;
  pull: (options: LayoutOptions) => Promise<Image>;
  start: (image: Image, changes?: string) => Promise<Session>;
}

async function open(): Promise<Place> {
  const fixture = await Fixture.open();
  const { directory } = fixture;
  const images = Images.open({
    directory: join(directory, "images"),
    localDirectories: [directory],
    ...(runsAsRoot ? { owner: { uid: HOST_UID - 1, gid: HOST_UID - 1 } } : {}),
  });
  let count = 0;
  return {
    fixture,
    images,
    pull: (options) => {
      const layout = join(directory, `layout-${String(++count)}`);
      makeLayout(layout, options);
      return images.pull(`oci:${layout}`);
    },
    start: (image, changes = `changes-${String(++count)}`) => {
      const paths = ["", "upper", "work"].map((name) => join(directory, changes, name));
      for (const path of paths) {
        mkdirSync(path, { recursive: true });
        chmodSync(path, 0o755);
        if (runsAsRoot) chownSync(path, HOST_UID, HOST_UID);
      }
      const [, upper = "", work = ""] = paths;
      const { layersDirectory, owner } = images;
      return fixture.session({
        image: { image, layersDirectory, owner, changes: { lower: [], upper, work } },
      });
    },
    [Symbol.asyncDispose]: async () => {
      await images.close();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

test(
  "commands find the image as their root, may change it, and the image stays as it is",
  { skip: noSandbox },
  async () => {
    await using place = await open();
    const image = await place.pull({
      layers: [
        { tar: await tarOf(busyboxEntries) },
        {
          tar: await tarOf([
            { name: "etc/.wh.image" },
            { name: "opt/tool/", type: "directory" },
            { name: "opt/tool/data", content: "two\n" },
          ]),
          compression: "zstd",
        },
      ],
      config: {
        Env: ["PATH=/opt/bin:/bin", "GREETING=hello", "HOME=/root"],
        WorkingDir: "/opt/tool",
        User: "4294967296:0",
      },
    });
    const session = await place.start(image);
    const seen = await runIn(
      session,
      "id -u; id -un; pwd; cat data; ls /etc | sort; echo $GREETING $PATH $HOME",
    );
    assert.equal(
      seen.text,
      "1000\nchaser\n/opt/tool\ntwo\ngroup\nhostname\nhosts\npasswd\nresolv.conf\nhello /opt/bin:/bin /home/chaser\n",
    );
    const root = await runIn(session, "ls / | sort");
    assert.equal(root.text, "bin\ndev\netc\nhome\nopt\nproc\ntmp\nworkspace\n");

    const changed = await runIn(
      session,
      "rm /etc/passwd && echo new > /etc/new && echo more >> /opt/tool/data && mkdir /opt/own && cat data && touch /workspace/w ~/h && ls -d /etc/passwd",
    );
    assert.equal(changed.stdout.toString(), "two\nmore\n");
    assert.equal(changed.exitCode, 1);
    const outside = await runIn(session, "touch /new; mkdir /lib");
    assert.match(outside.text, /Read-only file system/);
    await session.end();

    const other = await place.start(image);
    const untouched = await runIn(other, "cat /opt/tool/data; ls /etc/passwd /opt/own /etc/new");
    assert.match(untouched.text, /^two\n/);
    assert.match(untouched.text, /\/opt\/own: No such file/);
    assert.match(untouched.text, /\/etc\/passwd\n/);
  },
);

test("changes are there again where they were kept", { skip: noSandbox }, async () => {
  await using place = await open();
  const image = await place.pull({ layers: [{ tar: await tarOf(busyboxEntries) }] });
  const session = await place.start(image, "kept");
  await runIn(session, "rm /etc/image; echo kept > /etc/kept");
  await session.end();
  const again = await place.start(image, "kept");
  assert.equal((await runIn(again, "cat /etc/kept; ls /etc/image")).stdout.toString(), "kept\n");
});

test("a command can be root in name, which feigns what it has no right to", { skip: noSandbox }, async () => {
  await using place = await open();
  const apt: TarEntry = { name: "etc/apt/apt.conf.d/", type: "directory", mode: 0o755 };
  const image = await place.pull({
    layers: [
      { tar: await tarOf([...busyboxEntries, { name: "etc/apt/", type: "directory", mode: 0o755 }, apt]) },
    ],
    config: { Env: ["HOME=/elsewhere", "PATH=/bin"] },
  });
  const session = await place.start(image);
  const script = [
    "id -u; id -un; echo $HOME $USER",
    "touch /etc/own && chown 33:33 /etc/own && chown -h 5 /bin/ls && stat -c '%u %g' /etc/own",
    "grep Cap /proc/self/status; grep NoNewPrivs /proc/self/status",
    "cat /etc/apt/apt.conf.d/00chaser",
  ].join("; ");
  const { text } = await runIn(session, script, { user: "root" });
  const none = "0000000000000000";
  const capabilities = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}:\t${none}\n`).join("");
  assert.equal(text, `0\nroot\n/root root\n0 0\n${capabilities}NoNewPrivs:\t1\nAPT::Sandbox::User "root";\n`);
  assert.equal((await runIn(session, "stat -c '%u %U' /etc/own; id -u")).text, "1000 chaser\n1000\n");
  await assert.rejects(
    runIn(await place.fixture.session(), "id", { user: "root" }),
    (error) => error instanceof RuntimeError && error.code === "invalid_argument",
  );
});

test("an image without a shell runs its program, and says 127 for a shell", { skip: noSandbox }, async () => {
  await using place = await open();
  const image = await place.pull({
    layers: [{ tar: await tarOf([{ name: "busybox", mode: 0o755, content: busybox }]), compression: "none" }],
  });
  const session = await place.start(image);
  const ran = await runIn(session, ["/busybox", "echo", "static"]);
  assert.deepEqual([ran.exitCode, ran.text], [0, "static\n"]);
  const missing = await runIn(session, "echo hello");
  assert.equal(missing.exitCode, 127);
  assert.match(missing.text, /\/bin\/sh: No such file or directory/);
});

test("links in the place of the runtime's own directories lead nowhere", { skip: noSandbox }, async () => {
  await using place = await open();
  const links = ["dev", "proc", "tmp", "home", "workspace", "sys"].map((name): TarEntry => ({
    name,
    type: "symlink",
    linkname: name === "dev" ? "/etc" : "../../../../etc",
  }));
  const image = await place.pull({
    layers: [
      { tar: await tarOf(busyboxEntries.filter(({ name }) => !name.startsWith("etc"))) },
      { tar: await tarOf([...links, { name: "etc", type: "symlink", linkname: "/proc/1/root/etc" }]) },
    ],
  });
  const session = await place.start(image);
  const { text } = await runIn(
    session,
    "for d in dev proc tmp home workspace etc; do readlink /$d; done; touch /tmp/t /workspace/w /home/chaser/h && ls /etc | sort; ls /dev/null /proc/self/status; id -un",
  );
  assert.equal(text, "group\nhostname\nhosts\npasswd\nresolv.conf\n/dev/null\n/proc/self/status\nchaser\n");
  assert.equal(existsSync("/etc/t"), false);
});

test("what an image has as setuid, or as a device, is neither", { skip: noSandbox }, async () => {
  await using place = await open();
  const image = await place.pull({
    layers: [
      {
        tar: await tarOf([
          ...busyboxEntries,
          { name: "bin/su", mode: 0o6755, content: busybox },
          { name: "etc/disk", type: "block-device", devmajor: 8, devminor: 0 },
          { name: "etc/zero", type: "character-device", devmajor: 0, devminor: 0 },
        ]),
      },
    ],
  });
  const session = await place.start(image);
  const { text } = await runIn(session, "stat -c %a /bin/su; /bin/su -c id; ls /etc/disk /etc/zero");
  assert.match(text, /^755$/m);
  assert.doesNotMatch(text, /uid=0/);
  assert.match(text, /disk: No such file/);
});

test("a session that cannot mount its image says so and leaves nothing", { skip: noSandbox }, async () => {
  await using place = await open();
  const image = await place.pull({ layers: [{ tar: await tarOf(busyboxEntries) }] });
  const broken = { ...image, layers: image.layers.map((layer) => ({ ...layer, id: "0".repeat(24) })) };
  await assert.rejects(
    place.start(broken),
    (error) => error instanceof RuntimeError && error.code === "sandbox_unavailable",
  );
  assert.deepEqual(readdirSync(join(place.fixture.directory, "run", "sessions")), []);
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes(place.fixture.directory), false);
});

test(
  "commands have the name that the image runs as, and the sandbox's number and home",
  { skip: noSandbox },
  async () => {
    await using place = await open();
    const accounts: TarEntry[] = [
      { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:100:101::/srv:/bin/sh\n" },
      { name: "etc/group", content: "root:x:0:\napp:x:101:\n" },
    ];
    const image = await place.pull({
      layers: [{ tar: await tarOf([...busyboxEntries, ...accounts]) }],
      config: { Env: ["PATH=/bin", "USER=other"], User: "app" },
    });
    const session = await place.start(image);
    const script =
      "id; echo $USER $LOGNAME $HOME; touch file && chown app:app file && stat -c '%U %u' file /etc/image";
    const { text } = await runIn(session, script);
    assert.equal(text, "uid=1000(app) gid=1000(app)\napp app /home/chaser\napp 1000\napp 1000\n");
    const root = await session.exec({ command: "id -un; echo $USER", user: "root" });
    assert.equal((await capture(root)).stdout.toString(), "root\nroot\n");
  },
);

test("a layer that an image has twice is applied twice", { skip: noSandbox }, async () => {
  await using place = await open();
  const twice = {
    tar: await tarOf([
      { name: "opt/.wh.gone" },
      { name: "opt/again", content: "twice\n" },
      { name: "opt/d/", type: "directory" },
    ]),
  };
  const between = {
    tar: await tarOf([
      { name: "opt/gone", content: "between\n" },
      { name: "opt/again", content: "between\n" },
      { name: "opt/d", content: "no directory\n" },
      { name: "opt/own", content: "between\n" },
    ]),
  };
  const base = [...busyboxEntries, { name: "opt/gone", content: "base\n" }];
  const image = await place.pull({ layers: [{ tar: await tarOf(base) }, twice, between, twice, twice] });
  assert.equal(image.layers.length, 5);
  const session = await place.start(image);
  assert.equal((await runIn(session, "ls -F /opt; cat /opt/again")).text, "again\nd/\nown\ntwice\n");
});

test("an image whose root has more entries than can be mounted is refused", { skip: noSandbox }, async () => {
  await using place = await open();
  const entries = Array.from({ length: ROOT_ENTRIES_MAX }, (_, n): TarEntry => ({
    name: `d${String(n)}/`,
    type: "directory",
  }));
  const image = await place.pull({ layers: [{ tar: await tarOf(entries) }] });
  await assert.rejects(place.start(image), {
    code: "image_unsupported",
    message: `the image's root has more than ${String(ROOT_ENTRIES_MAX)} entries`,
  });
});
