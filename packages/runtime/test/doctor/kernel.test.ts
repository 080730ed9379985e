import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { containerOf, judgeKernel } from "../../src/doctor/kernel.js";

describe("the kernel", () => {
  it("is enough from some version on", () => {
    const { ok, detail, remedy } = judgeKernel({ release: "6.1.0-18-amd64", container: null });
    assert.deepEqual([ok, detail, remedy], [true, "Linux 6.1.0-18-amd64", undefined]);
    assert.equal(judgeKernel({ release: "5.19.0", container: null }).ok, true);
  });

  it("that is older lacks what came later, by name", () => {
    const old = judgeKernel({ release: "5.10.0-28-amd64", container: null });
    assert.equal(old.ok, false);
    for (const part of [/5\.10\.0-28-amd64/, /overlay disks/, /count of processes/, /images/])
      assert.match(old.detail, part);
    assert.match(old.remedy ?? "", /5\.19/);
    const newer = judgeKernel({ release: "5.15.0-100-generic", container: null });
    assert.doesNotMatch(newer.detail, /overlay/);
    assert.match(newer.detail, /images/);
  });

  it("may be a container's host's, which is said with what it must allow", () => {
    const { ok, detail } = judgeKernel({ release: "6.8.0", container: "docker" });
    assert.equal(ok, true);
    assert.match(detail, /inside a container \(docker\).*user namespaces.*\/dev\/net\/tun/);
  });

  it("is known to be a container's by the environment of the first process", () => {
    assert.equal(containerOf("PATH=/bin\0container=lxc\0"), "lxc");
    assert.equal(containerOf("PATH=/bin\0container=\0"), null);
    assert.equal(containerOf("xcontainer=lxc\0"), null);
  });
});
