import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { splitCommandLine } from "../src/command-line.js";

describe("splitCommandLine", () => {
  it("sets apart what follows the first -- of exec, untouched", () => {
    assert.deepEqual(splitCommandLine(["exec", "w", "--json", "--", "ls", "--", "--json"]), {
      own: ["exec", "w", "--json"],
      command: ["ls", "--", "--json"],
    });
    assert.deepEqual(splitCommandLine(["--json", "exec", "--", "ls"]).command, ["ls"]);
    assert.deepEqual(splitCommandLine(["exec", "--"]).command, []);
  });

  it("leaves other commands, and exec without --, as they are", () => {
    for (const args of [["workspaces", "show", "--", "exec"], ["exec", "w"], ["--", "exec"], []])
      assert.deepEqual(splitCommandLine(args), { own: args, command: undefined });
  });
});
