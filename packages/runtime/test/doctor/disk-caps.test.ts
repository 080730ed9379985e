import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeDiskCaps } from "../../src/doctor/disk-caps.js";

describe("caps of disks", () => {
  it("are held by the kernel where it can, which needs nothing more", () => {
    const { ok, detail, remedy } = judgeDiskCaps(true, true);
    assert.deepEqual([ok, remedy], [true, undefined]);
    assert.match(detail, /kernel/);
  });

  it("are held by a watch elsewhere, and it is said what the kernel needs, and of whom", () => {
    const { ok, required, detail, remedy } = judgeDiskCaps(false, true);
    assert.deepEqual([ok, required], [false, false]);
    assert.match(detail, /watch/);
    assert.match(remedy ?? "", /^ext4 or XFS mounted with prjquota/);
    assert.match(judgeDiskCaps(false, false).remedy ?? "", /as root; then ext4 or XFS/);
  });
});
