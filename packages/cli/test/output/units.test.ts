import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatBytes, formatCount, formatDuration, formatTime, plural } from "../../src/output/units.js";

describe("formatBytes", () => {
  it("uses decimal units and three digits", () => {
    const cases: [number, string][] = [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1.00 kB"],
      [9_994, "9.99 kB"],
      [9_996, "10.0 kB"],
      [99_960, "100 kB"],
      [999_499, "999 kB"],
      [999_500, "1.00 MB"],
      [25_000_000_000, "25.0 GB"],
      [-4096, "-4.10 kB"],
      [5e18, "5000 PB"],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  });
});

describe("formatDuration", () => {
  it("never rounds to a unit that is full", () => {
    const cases: [number, string][] = [
      [0.4, "0 ms"],
      [999.4, "999 ms"],
      [999.6, "1.0 s"],
      [59_949, "59.9 s"],
      [59_960, "1 min 00 s"],
      [3_599_400, "59 min 59 s"],
      [3_599_600, "1 h 00 min"],
    ];
    for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
  });
});

describe("counts and times", () => {
  it("separates thousands", () => {
    assert.equal(formatCount(1234567), "1,234,567");
    assert.equal(plural(1, "file"), "1 file");
    assert.equal(plural(80000, "file"), "80,000 files");
  });

  it("shows a missing or unreadable time as a dash", () => {
    assert.equal(formatTime(null), "-");
    assert.equal(formatTime("soon"), "-");
    assert.match(formatTime("2026-01-02T03:04:05Z"), /^2026-01-0[123] \d\d:\d\d:05$/);
  });
});
