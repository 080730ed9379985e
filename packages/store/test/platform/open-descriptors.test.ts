import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Lock } from "../../src/platform/lock.js";
import { OpenDescriptors } from "../../src/platform/open-descriptors.js";
import { temporaryDirectory } from "../temporary.js";

const module = (name: string): string =>
  JSON.stringify(new URL(`../../src/platform/${name}.js`, import.meta.url));

/** Takes a lock, opens and closes something else, and dies. */
const thread = `
  const { workerData } = require("node:worker_threads");
  (async () => {
    const { linuxFiles } = await import(${module("linux")});
    const { Lock } = await import(${module("lock")});
    const { OpenDescriptors } = await import(${module("open-descriptors")});
    const files = new OpenDescriptors(workerData.memory).noted(linuxFiles);
    files.close(files.open(-100, workerData.path, { access: "lock" }));
    Lock.take(files, workerData.path, "exclusive", { wait: false });
    throw new Error("dies");
  })();
`;

test("locks of a thread that died are free once its descriptors are closed, and no others are", async (t) => {
  const path = `${temporaryDirectory(t)}/lock`;
  const descriptors = new OpenDescriptors();
  const worker = new Worker(thread, { eval: true, workerData: { memory: descriptors.memory, path } });
  await once(worker, "error");
  const isFree = (): boolean => {
    const lock = Lock.take(linuxFiles, path, "exclusive", { wait: false });
    lock?.release();
    return lock !== null;
  };
  assert.equal(isFree(), false, "the kernel gives descriptors to the process");

  const own = linuxFiles.open(anywhere, path);
  descriptors.closeAll();
  descriptors.closeAll();
  assert.equal(isFree(), true);
  assert.equal(linuxFiles.statOpen(own).type, "file");
  linuxFiles.close(own);
});
