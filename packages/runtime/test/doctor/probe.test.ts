import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { probe } from "../../src/index.js";
import { cgroupMount, ownGroup } from "../../src/cgroup/delegation.js";
import { explainRefusal } from "../../src/doctor/namespaces.js";
import { atLeast } from "../../src/doctor/programs.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";

describe("probe", () => {
  it("says of each capability whether it works, and leaves nothing behind", async () => {
    const directory = makeDirectory();
    try {
      const capabilities = await probe({ directory });
      const names = capabilities.map(({ name }) => name);
      assert.deepEqual(names, [
        "kernel",
        "bubblewrap",
        "user namespaces",
        "overlay disks",
        "disk caps",
        "sandbox session",
        "network nat",
        "images",
        "repositories and directories",
        "cgroup v2 delegation",
      ]);
      for (const { name, detail } of capabilities) assert.notEqual(detail, "", name);
      assert.deepEqual(readdirSync(directory), []);
    } finally {
      removeDirectory(directory);
    }
  });
});

describe("explainRefusal", () => {
  it("finds the switch that forbids user namespaces", () => {
    const apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    assert.match(explainRefusal((file) => (file === apparmor ? "1" : null))?.cause ?? "", /AppArmor/);
    assert.match(
      explainRefusal((file) => (file.endsWith("max_user_namespaces") ? "0" : "1000"))?.remedy ?? "",
      /sysctl/,
    );
    assert.equal(
      explainRefusal(() => null),
      null,
    );
  });
});

describe("cgroup", () => {
  it("is found where it is mounted", () => {
    const mountinfo =
      "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n31 23 0:27 / /sys rw - sysfs sysfs rw\n";
    assert.equal(cgroupMount(mountinfo), "/sys/fs/cgroup");
    assert.equal(cgroupMount("31 23 0:27 / /sys rw - sysfs sysfs rw\n"), null);
    assert.equal(ownGroup("9:name=systemd:/\n0::/user.slice/x\n"), "/user.slice/x");
    assert.equal(ownGroup("9:name=systemd:/\n"), null);
  });
});

describe("atLeast", () => {
  it("compares versions by number", () => {
    assert.equal(atLeast("0.10.0", "0.5.0"), true);
    assert.equal(atLeast("0.4.1", "0.5.0"), false);
    assert.equal(atLeast("0.5", "0.5.0"), true);
    assert.equal(atLeast("1.0.0", "0.5.0"), true);
  });
});
