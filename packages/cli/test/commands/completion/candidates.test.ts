import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { candidates } from "../../../src/commands/completion/candidates.js";
import { createProgram } from "../../../src/program.js";

const program = createProgram(() => () => Promise.resolve());

function texts(...words: string[]): string[] {
  return candidates(program, words).texts;
}

describe("candidates", () => {
  it("are commands, then their subcommands", () => {
    assert.deepEqual(texts("wor"), ["workspaces"]);
    assert.deepEqual(texts("workspaces", "sn"), ["snapshots"]);
    assert.deepEqual(texts("ws", "snapshots", "re"), ["restore"]);
    assert.ok(!texts("").includes("__complete"));
  });

  it("are options, those of every command included", () => {
    assert.deepEqual(texts("exec", "--t"), ["--timeout", "--tty"]);
    assert.deepEqual(texts("exec", "--js"), ["--json"]);
  });

  it("are choices of an argument or an option", () => {
    assert.deepEqual(texts("completion", ""), ["bash", "zsh", "fish"]);
    assert.deepEqual(texts("serve", "--network", "n"), ["none", "nat"]);
  });

  it("ask for a workspace's name where one may stand", () => {
    const asks = (...words: string[]): boolean => candidates(program, words).workspaces;
    assert.ok(asks("exec", ""));
    assert.ok(asks("exec", "--cwd", "/tmp", "my"));
    assert.ok(asks("workspaces", "create", "--clone-from", ""));
    assert.ok(asks("workspaces", "snapshots", "restore", ""));
    assert.ok(!asks("workspaces", "snapshots", "restore", "w", ""));
    assert.ok(!asks("exec", "w", "--", ""));
    assert.ok(!asks("store", "show", ""));
  });
});
