import assert from "node:assert/strict";
import { test } from "node:test";
import { parseListenAddress } from "../src/listen-address.js";

test("an address is a host and a port, or a port on this machine only", () => {
  assert.deepEqual(parseListenAddress("0.0.0.0:80"), { host: "0.0.0.0", port: 80 });
  assert.deepEqual(parseListenAddress("[::1]:7420"), { host: "::1", port: 7420 });
  assert.deepEqual(parseListenAddress("localhost:0"), { host: "localhost", port: 0 });
  assert.deepEqual(parseListenAddress(":7421"), { host: "127.0.0.1", port: 7421 });
  assert.deepEqual(parseListenAddress("7421"), { host: "127.0.0.1", port: 7421 });
});

test("anything else is refused", () => {
  for (const text of ["", "host", "host:", "host:65536", "::1:7420", "a:b:1", "1.2.3.4:-1"])
    assert.throws(() => parseListenAddress(text), { code: "invalid_request" }, text);
});
