import assert from "node:assert/strict";
import { test } from "node:test";
import { linuxFiles } from "../../src/platform/linux.js";
import { stampOf } from "../../src/platform/stamp.js";
import { temporaryDirectory } from "../temporary.js";

test("a time proves something once a change would show: later where the filesystem keeps whole seconds", (t) => {
  const nowSeconds = 1_700_000_000;
  t.mock.timers.enable({ apis: ["Date"], now: nowSeconds * 1000 });
  const place = temporaryDirectory(t);
  const isSettled = (agoMs: number, nanoseconds: number, mtimeNanoseconds = nanoseconds): boolean => {
    const seconds = nowSeconds - Math.ceil(agoMs / 1000);
    t.mock.timers.setTime(seconds * 1000 + nanoseconds / 1e6 + agoMs);
    const times = {
      mtimeSeconds: seconds,
      mtimeNanoseconds,
      ctimeSeconds: seconds,
      ctimeNanoseconds: nanoseconds,
    };
    const files = { ...linuxFiles, stat: () => ({ ...linuxFiles.stat(-100, place), ...times }) };
    return stampOf(files, place) !== null;
  };
  assert.equal(isSettled(50, 123_000_000), false);
  assert.equal(isSettled(200, 123_000_000), true);
  assert.equal(isSettled(1300, 0), false);
  assert.equal(isSettled(3100, 0), true);
  // A time of modification that was set says nothing about the clock.
  assert.equal(isSettled(200, 123_000_000, 0), true);
});
