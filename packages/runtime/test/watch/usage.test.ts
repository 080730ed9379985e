import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { innerPid } from "../../src/watch/host-processes.js";
import { parseOwnMemory, parseRoom, parseUsage } from "../../src/watch/usage.js";
import { availableBytes } from "../../src/watch/watches.js";

describe("what a process uses", () => {
  it("is read whatever its name is", () => {
    const stat =
      "7 (a) R 1 2 (b)) R 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 39 19 3 0 12345 900000 2000 18446744073709551615 1 1";
    assert.deepEqual(parseUsage("7", stat), {
      pid: "7",
      cpuMs: 3000,
      nice: 19,
      threads: 3,
      isRunning: true,
      residentBytes: 2000 * 4096,
    });
  });

  it("counts what it wrote and shares, not files that it has mapped", () => {
    const rollup =
      "Pss:            9000 kB\nPss_Dirty: 1 kB\nPss_Anon:   30 kB\nPss_File:   8000 kB\nPss_Shmem:   4 kB\n";
    assert.deepEqual(parseOwnMemory(rollup), { anonymousBytes: 30 << 10, sharedBytes: 4 << 10 });
  });

  it("has a number of its own in the session", () => {
    assert.equal(innerPid("Name:\tx\nNSpid:\t4711\t12\t3\n"), "3");
    assert.equal(innerPid("Name:\tx\n"), null);
  });

  it("has room for so many descriptors, where the kernel does not count them", () => {
    assert.equal(parseRoom("Gid:\t0\nFDSize:\t256\nGroups:\t\n"), 256);
  });

  it("leaves the machine so much memory", () => {
    assert.equal(availableBytes("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), 2 << 20);
  });
});
