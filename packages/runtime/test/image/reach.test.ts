import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closedAddresses } from "../../src/egress/rules.js";
import { judgeRegistry, loopbackRefusals, loopbackTargets } from "../../src/image/reach.js";

const isClosed = closedAddresses(["203.0.113.7/32", "2a01:4f8::7/128"]);

function reach(registries: string[], addresses: string[]): (host: string, port: number) => Promise<unknown> {
  const judge = judgeRegistry({ registries, lookup: () => Promise.resolve(addresses), isClosed });
  return (host, port) => judge({ host, port });
}

describe("what fetching an image may reach", () => {
  it("is what has a public address, and of several the public ones", async () => {
    const addresses = ["93.184.215.14", "10.0.0.1", "2606:2800:21f:cb07::1", "::1"];
    assert.deepEqual(await reach([], addresses)("registry.example", 443), [
      "93.184.215.14",
      "2606:2800:21f:cb07::1",
    ]);
  });

  for (const address of [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "203.0.113.7",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "2a01:4f8::7",
  ]) {
    it(`is not ${address}`, async () => {
      await assert.rejects(reach([], [address])("registry.example", 443), {
        status: 403,
        message: `registry.example:443 is ${address}, on this machine or a private network`,
      });
    });
  }

  it("is what the operator has named, at its port", async () => {
    const to = reach(["Registry.corp:5000", "mirror.corp"], ["10.0.0.1"]);
    for (const [host, port] of [
      ["registry.corp", 5000],
      ["REGISTRY.corp", 5000],
      ["mirror.corp", 443],
      ["mirror.corp", 80],
    ] as const)
      assert.deepEqual(await to(host, port), ["10.0.0.1"]);
    for (const [host, port] of [
      ["registry.corp", 443],
      ["mirror.corp", 5000],
      ["evil.registry.corp", 5000],
      ["10.0.0.1", 5000],
    ] as const)
      await assert.rejects(to(host, port), { status: 403 });
  });

  it("is nothing that has no address", async () => {
    const judge = judgeRegistry({
      registries: [],
      isClosed,
      lookup: () => Promise.reject(new Error("no such name")),
    });
    await assert.rejects(judge({ host: "gone.example", port: 443 }), {
      status: 502,
      message: "gone.example:443 could not be looked up: no such name",
    });
  });

  it("is on the loopback what has been named, each address once", () => {
    assert.deepEqual(
      [
        ...loopbackTargets([
          "localhost:5000",
          "127.0.0.1:5000",
          "127.0.0.2",
          "10.0.0.1:5000",
          "127.1:5001",
          "127.example:1",
        ]),
      ],
      [
        ["127.0.0.1:5000", { host: "localhost", port: 5000 }],
        ["127.0.0.2:443", { host: "127.0.0.2", port: 443 }],
        ["127.0.0.2:80", { host: "127.0.0.2", port: 80 }],
        ["127.0.0.1:5001", { host: "127.0.0.1", port: 5001 }],
      ],
    );
  });

  it("is told from what a program could not reach on the loopback", () => {
    const line =
      'level=fatal msg="Get \\"http://127.0.0.1:1/\\": dial tcp 127.0.0.1:1: connect: connection refused"';
    assert.deepEqual(loopbackRefusals(`${line}\ndial tcp [::1]:80: connect: connection refused`), [
      "127.0.0.1:1 is on this machine",
      "[::1]:80 is on this machine",
    ]);
    assert.deepEqual(loopbackRefusals("dial tcp 8.8.8.8:1: connect: connection refused"), []);
  });
});
