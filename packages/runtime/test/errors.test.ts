import assert from "node:assert/strict";
import { test } from "node:test";
import { RuntimeError } from "../src/errors.js";

test("what programs said in lines is one line of a message, and drives no terminal", () => {
  const said = 'open("/dev/net/tun"): Permission denied\r\n\n  child failed(1)\n';
  assert.equal(
    new RuntimeError("network_unavailable", `no network: ${said}`).message,
    'no network: open("/dev/net/tun"): Permission denied; child failed(1)',
  );
  const { message } = new RuntimeError("import_failed", "a\u001b[31mb\u0007\u009bc\u007f ä\t\0");
  assert.equal(message, "a\\x1b[31mb\\x07\\x9bc\\x7f ä\\x09\\x00");
});
