import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { Quota } from "../../src/billing/quota.js";
import { openDataDirectory } from "../../src/data-directory.js";
import { ServerError } from "../../src/errors.js";
import { personalPlan } from "../../src/limits.js";
import { AccountStores } from "../../src/stores/account-stores.js";
import { removeDirectory, temporaryDirectory } from "../fixture/server.js";

const account = { seq: 1, id: "a", name: "a", kind: "personal", host_uid: null, created_at: 0 } as const;

test("a write that the kernel ended is answered with the disk's figures where it is at a cap, and else as what it is", async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => removeDirectory(directory));
  await using data = await openDataDirectory(directory, false);
  const stores = new AccountStores(data, personalPlan.storageBytesMax, () => Promise.resolve());
  t.after(() => stores.close());
  const { disks } = await stores.get(account);
  await disks.create({ id: "disk", driver: "directory" });
  const { mount } = await disks.attach("disk");
  assert.equal(mount.driver, "directory");
  for (let n = 0; n < 100; n++) writeFileSync(`${mount.path}/${n}`, Buffer.alloc(40_000));

  const error = new Error("no space");
  const answer = (plan: Partial<typeof personalPlan>, neededBytes: number): Promise<unknown> =>
    new Quota({ ...personalPlan, ...plan }, stores).noRoom(account, "disk", { neededBytes, error });
  const refused = async (plan: Partial<typeof personalPlan>, neededBytes = 0): Promise<object> => {
    const answered = await answer(plan, neededBytes);
    assert.ok(answered instanceof ServerError);
    assert.equal(answered.code, "workspace_disk_full");
    assert.match(answered.suggestion ?? "", /delete files in it/);
    return answered.details ?? {};
  };

  const { referencedBytes, referencedInodes } = await disks.usage("disk");
  assert.deepEqual(await refused({ workspaceDiskBytesMax: referencedBytes + 1000 }), {
    used_bytes: referencedBytes,
    cap_bytes: referencedBytes + 1000,
    needed_bytes: 8192,
  });
  await refused({ workspaceDiskBytesMax: 50_000_000 }, 60_000_000);
  assert.deepEqual(await refused({ workspaceDiskInodesMax: referencedInodes + 10 }), {
    used_inodes: referencedInodes,
    cap_inodes: referencedInodes + 10,
    needed_inodes: 1,
  });
  assert.equal(await answer({}, 60_000_000), error);
});
