import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureReason } from "../../src/import/reason.js";

describe("why an import failed", () => {
  it("is git's last complaint, and what the server said before", () => {
    const lines = [
      "Cloning into 'x'...",
      "remote: Counting objects: 1",
      "remote: not yours",
      "fatal: no access",
      "",
    ];
    assert.equal(failureReason(lines, null), "no access; remote: not yours");
  });

  it("is what another program said where git did not complain", () => {
    assert.equal(
      failureReason(["Cloning into 'x'...", "mv: cannot move 'a'", ""], null),
      "mv: cannot move 'a'",
    );
    assert.equal(failureReason(["", ""], null), "git gave no reason");
  });

  it("holds no form of the token, and nothing that moves a cursor", () => {
    const basic = Buffer.from("x-access-token:t0/ken").toString("base64");
    assert.equal(failureReason([`fatal: \u001b[2Jt0/ken t0%2Fken ${basic}`], "t0/ken"), "?[2J*** *** ***");
  });
});
