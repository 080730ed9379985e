import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test } from "node:test";
import { Ledger } from "../../src/billing/ledger.js";

/** A cap of 1,000 over a number that tests change; `asked` counts how often it was measured. */
function scene(usedBytes = 0) {
  const real = { usedBytes, asked: 0 };
  const ledger = new Ledger({
    capBytes: 1000,
    measure: async () => {
      real.asked += 1;
      const { usedBytes } = real;
      await pause(1);
      return usedBytes;
    },
    full: (used, needed) => new Error(`full: ${used} used, ${needed} needed`),
  });
  return { real, ledger };
}

describe("a ledger", () => {
  test("lets fifty writers at once write no more than fits", async () => {
    const { real, ledger } = scene(100);
    const write = async (bytes: number): Promise<void> => {
      const promised = await ledger.take(bytes);
      await pause(Math.random() * 3);
      real.usedBytes += bytes;
      ledger.settle(promised);
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => write(90)));
    const written = outcomes.filter(({ status }) => status === "fulfilled").length;
    assert.ok(written > 0);
    assert.equal(real.usedBytes, 100 + 90 * written);
    assert.ok(real.usedBytes <= 1000, `${real.usedBytes} of 1000 bytes are used`);
    // What is left at the end is less than a write takes, unless a promise was counted beside what it had come to.
    await ledger.measure();
    while (real.usedBytes + 90 <= 1000) await write(90);
    await assert.rejects(write(90), { message: `full: ${real.usedBytes} used, 90 needed` });
  });

  test("counts what ended while it was measured", async () => {
    const { real, ledger } = scene(300);
    const promised = await ledger.take(600);
    const measuring = ledger.measure();
    real.usedBytes += 600;
    ledger.settle(promised);
    await measuring;
    await assert.rejects(ledger.take(200), /900 used, 200 needed/);
  });

  test("measures once far from the cap, each time near it, and gives back what is not used", async () => {
    const { real, ledger } = scene(100);
    for (let n = 0; n < 10; n++) ledger.settle(await ledger.take(10));
    assert.equal(real.asked, 1);
    real.usedBytes = 850;
    await ledger.measure();
    const promised = await ledger.take(150);
    await assert.rejects(ledger.take(1), /full/);
    ledger.settle(promised);
    ledger.settle(promised);
    await ledger.take(150);
    assert.equal(real.asked, 5);
  });

  test("is due again once something was allowed to grow", async () => {
    const { ledger } = scene();
    await ledger.measure();
    assert.equal(ledger.isDue(Date.now() + 1000, 500), false);
    await ledger.take(1);
    assert.equal(ledger.isDue(Date.now() + 1000, 500), true);
    assert.equal(ledger.isDue(Date.now(), 500), false);
  });

  test("grants what was never measured only to who says so", async () => {
    const { real, ledger } = scene(2000);
    await ledger.take(1, { whenUnknown: "grant" });
    assert.equal(real.asked, 0);
    await assert.rejects(ledger.take(1), /full/);
    await ledger.take(1, { graceBytes: 2000 });
  });
});
