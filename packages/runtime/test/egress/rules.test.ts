import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkEgress, closedAddresses, isAllowed } from "../../src/egress/rules.js";

describe("egress rules", () => {
  it("allow a host at a port, by name and in any case", () => {
    const rules = checkEgress([
      { host: "Registry.Example.org.", port: 443 },
      { host: "*.files.example", port: 8443 },
    ]);
    for (const [host, port, allowed] of [
      ["registry.example.org", 443, true],
      ["REGISTRY.example.org.", 443, true],
      ["registry.example.org", 80, false],
      ["example.org", 443, false],
      ["registry.example.org.evil.example", 443, false],
      ["evilregistry.example.org", 443, false],
      ["a.files.example", 8443, true],
      ["a.b.files.example", 8443, true],
      ["files.example", 8443, false],
      [".files.example", 8443, false],
      ["evilfiles.example", 8443, false],
      ["203.0.113.7", 443, false],
    ] as const) {
      assert.equal(isAllowed(rules, host, port), allowed, `${host}:${String(port)}`);
    }
    assert.equal(isAllowed([], "registry.example.org", 443), false);
  });

  it("are refused where they name no host or port", () => {
    for (const rule of [
      { host: "", port: 443 },
      { host: "*", port: 443 },
      { host: "a.*.example", port: 443 },
      { host: "a b", port: 443 },
      { host: "http://a", port: 443 },
      { host: "a", port: 0 },
      { host: "a", port: 1.5 },
      { host: "a", port: 65_536 },
    ]) {
      assert.throws(() => checkEgress([rule]), { code: "invalid_argument" }, JSON.stringify(rule));
    }
    assert.throws(
      () => checkEgress(Array.from({ length: 201 }, () => ({ host: "a", port: 1 }))),
      /201 egress/,
    );
  });

  it("open no address that sandboxes never reach", () => {
    const isClosed = closedAddresses(["203.0.113.7/32"]);
    for (const address of [
      "127.0.0.1",
      "10.1.2.3",
      "169.254.169.254",
      "192.168.1.1",
      "203.0.113.7",
      "::1",
      "::ffff:8.8.8.8",
      "no",
    ])
      assert.equal(isClosed(address), true, address);
    assert.equal(isClosed("203.0.113.8"), false);
  });
});
