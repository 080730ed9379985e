/** Run on a filesystem with project quotas: the kernel ends what would bring a disk beyond its cap, and nobody is told. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { DiskDriver, DiskMount, EngineHost, Store } from "../../src/api.js";
import { openStore } from "../../src/store.js";
import { withDirectory } from "../../src/platform/durable.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { limitProject, projectOf, projectUse } from "../../src/platform/project-quota.js";
import { removeDirectory, runMounted, temporaryDirectory } from "./mounted.js";

const MiB = 1024 * 1024;
const capBytes = 16 * MiB;
/** What the limit leaves out for what stands around the upper, and the write that the kernel cut off. */
const strictBytesMax = 2 * MiB;
const intervalMs = 50;

const pathOf = (mount: DiskMount): string => (mount.driver === "directory" ? mount.path : mount.upper);

function limitedBytes(path: string): number | undefined {
  return withDirectory(linuxFiles, path, (fd) => {
    const project = projectOf(fd);
    assert.notEqual(project, 0, "the upper is in no project");
    return projectUse(fd, project)?.limitBytes;
  });
}

async function until(path: string, isLimited: boolean): Promise<void> {
  while ((limitedBytes(path) !== 0) !== isLimited) await pause(intervalMs);
}

/** `host`: null for an engine in a thread of this process, with its rights. */
async function makeStore(t: TestContext, host: EngineHost | null = null): Promise<Store> {
  const parent = temporaryDirectory();
  if (host?.kind === "process") {
    fs.chmodSync(parent, 0o711);
    fs.mkdirSync(`${parent}/store`);
    fs.chownSync(`${parent}/store`, host.uid ?? 0, host.gid ?? 0);
  }
  const store = await openStore(`${parent}/store`, { create: true, ...(host === null ? {} : { host }) });
  // A watch keeps no program from ending.
  const alive = setInterval(() => undefined, 1000);
  t.after(async () => {
    clearInterval(alive);
    await store.close();
    removeDirectory(parent);
  });
  return store;
}

const nobody = 65_534;

/** By an ordinary user: on ext4 the kernel lets one go on who may do everything, which nobody may in a namespace of users. */
const fill = (driver: DiskDriver, mebibytes: number): string =>
  `${driver === "directory" ? `setpriv --reuid ${nobody} --clear-groups --bounding-set -all --inh-caps -all ` : ""}dd if=/dev/zero of=fill bs=1M count=${mebibytes} 2>&1 || echo ended`;

const cases: { title: string; driver: DiskDriver; host: EngineHost | null }[] = [
  { title: "an overlay", driver: "overlay", host: null },
  { title: "a plain directory", driver: "directory", host: null },
  {
    title: "a plain directory of an engine without rights",
    driver: "directory",
    host: { kind: "process", uid: nobody, gid: nobody },
  },
];

for (const { title, driver, host } of cases)
  void test(`writers end at the cap of a disk, and not beyond it once the watch is closed: ${title}`, async (t) => {
    const { disks } = await makeStore(t, host);
    await disks.create({ id: "base", driver, directories: [{ path: "d", mode: 0o755 }] });
    const base = await disks.attach("base");
    const prepare =
      "head -c 4194304 /dev/urandom >below; chmod 666 below; touch d/inner; : >fill; chmod 666 fill";
    runMounted(base.mount, prepare);
    await base.detach();
    // A copy of an overlay disk stands on a layer that is in the project of another.
    if (driver === "overlay") await disks.clone("base", { id: "disk" });
    const id = driver === "overlay" ? "disk" : "base";
    const attached = await disks.attach(id);
    const { mount } = attached;
    const upper = pathOf(mount);
    const watch = disks.watchGrowth(id, {
      capBytes,
      intervalMs,
      onCrossed: ({ unit, used }) => assert.fail(`told of ${used} ${unit}`),
      onError: (error) => assert.fail(String(error)),
    });
    t.after(() => watch.close());
    await until(upper, true);
    assert.match(
      runMounted(mount, fill(driver, 32)),
      /(No space left on device|Disk quota exceeded)[^]*ended/,
    );
    spawnSync("sync", ["-f", upper]);
    const { referencedBytes } = await disks.usage(id);
    assert.ok(referencedBytes <= capBytes, `${referencedBytes} bytes of ${capBytes}`);
    assert.ok(
      referencedBytes > capBytes - strictBytesMax,
      `ended at ${referencedBytes} bytes of ${capBytes}`,
    );
    // What is removed may be written again; what lies below is copied up, renamed and linked.
    runMounted(mount, "rm fill; mv below moved; ln moved linked; chmod 600 d/inner; mv d/inner inner");
    await pause(10 * intervalMs);

    watch.close();
    await until(upper, false);
    runMounted(mount, "head -c 33554432 /dev/zero >large");
    await attached.detach();
  });

void test("nobody makes more inodes on a disk than it may have", async (t) => {
  const { disks } = await makeStore(t);
  await disks.create({ id: "disk", driver: "overlay" });
  const attached = await disks.attach("disk");
  const { mount } = attached;
  const capInodes = 100;
  const watch = disks.watchGrowth("disk", {
    capBytes,
    capInodes,
    intervalMs,
    onCrossed: ({ unit, used }) => assert.fail(`told of ${used} ${unit}`),
    onError: (error) => assert.fail(String(error)),
  });
  await until(pathOf(mount), true);
  assert.match(
    runMounted(mount, "touch $(seq 200) 2>&1 || echo ended"),
    /(No space left on device|Disk quota exceeded)[^]*ended/,
  );
  const { referencedInodes } = await disks.usage("disk");
  assert.ok(referencedInodes <= capInodes && referencedInodes > capInodes / 2, `${referencedInodes} inodes`);
  watch.close();
  await attached.detach();
});

void test("a limit that nobody lifted is not for who attaches the disk next", async (t) => {
  const { disks } = await makeStore(t);
  await disks.create({ id: "disk", driver: "directory" });
  const first = await disks.attach("disk");
  const path = pathOf(first.mount);
  withDirectory(linuxFiles, path, (fd) => limitProject(fd, projectOf(fd), { bytes: MiB, inodes: 10 }));
  await first.detach();
  assert.equal(limitedBytes(path), MiB);
  const second = await disks.attach("disk");
  assert.equal(limitedBytes(path), 0);
  await second.detach();
});

void test("a disk that holds more than directories when it is first attached is in no project", async (t) => {
  const { disks } = await makeStore(t);
  await disks.create({ id: "disk", driver: "directory" });
  const source = await disks.attach("disk");
  runMounted(source.mount, "mkdir d; ln -s nowhere d/link");
  await source.detach();
  await disks.clone("disk", { id: "copy" });
  const copy = await disks.attach("copy");
  assert.equal(withDirectory(linuxFiles, pathOf(copy.mount), projectOf), 0);
  await copy.detach();
});

void test("a layer keeps the project it was written in, and the next upper has one of its own", async (t) => {
  const { disks } = await makeStore(t);
  await disks.create({ id: "disk", driver: "overlay" });
  const projects = new Set<number>();
  for (let n = 0; n < 3; n++) {
    const attached = await disks.attach("disk");
    const { mount } = attached;
    projects.add(withDirectory(linuxFiles, pathOf(mount), projectOf));
    runMounted(mount, `head -c 4194304 /dev/urandom >${n}; touch 0`);
    await attached.detach();
    await disks.clone("disk", { id: `clone${n}` });
  }
  assert.equal(projects.size, 3);
  assert.ok(!projects.has(0));
});
