import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import type { TreeId } from "../../src/ids.js";
import { layoutOf } from "../../src/layout.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Lease, readLeases } from "../../src/snapshot/lease.js";
import { makeStore } from "./made-store.js";

const tree = "ab".repeat(32) as TreeId;

test("a lease is held although somebody looks at it between its creation and its lock", (t) => {
  const layout = layoutOf(makeStore(t).root);
  let looks = 0;
  /** As the kernel does it while another process looks, and lets go a moment later. */
  const lock: Files["lock"] = (fd, kind, wait) => {
    const [name] = readdirSync(layout.locks).filter((one) => one.startsWith("lease-"));
    const probe = linuxFiles.open(anywhere, `${layout.locks}/${name}`);
    try {
      assert.ok(linuxFiles.lock(probe, "shared", false));
      looks += 1;
      if (!wait) return linuxFiles.lock(fd, kind, false);
    } finally {
      linuxFiles.close(probe);
    }
    return linuxFiles.lock(fd, kind, true);
  };
  const lease = Lease.take({ ...linuxFiles, lock }, layout, "writer", [tree]);
  assert.equal(looks, 1);
  const leased = readLeases(linuxFiles, layout, { sweep: true });
  assert.deepEqual([leased.writers, [...leased.trees]], [1, [tree]]);
  lease.release();
  assert.equal(readLeases(linuxFiles, layout, { sweep: false }).writers, 0);
});
