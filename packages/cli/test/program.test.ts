import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Command } from "commander";
import type { Action } from "../src/command.js";
import { createProgram } from "../src/program.js";

describe("the program", () => {
  const loads: (() => Promise<{ run: unknown }>)[] = [];
  const program = createProgram((load): Action => {
    loads.push(load);
    return () => Promise.resolve();
  });

  it("has a description for every command", () => {
    const visit = (command: Command): void => {
      assert.notEqual(command.description() || command.name().startsWith("__"), "", command.name());
      // As the list of its group shows it.
      assert.doesNotMatch(command.summary() || command.description(), /\n/, command.name());
      for (const below of command.commands) visit(below);
    };
    visit(program);
  });

  it("finds the work of every command", async () => {
    assert.ok(loads.length > 30);
    for (const load of loads) assert.equal(typeof (await load()).run, "function");
  });
});
