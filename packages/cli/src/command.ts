import type { Command } from "commander";
import type { Context } from "./context.js";

/** What a file under `commands/` exports: the work of one command. It may give the exit code. */
export interface CommandModule<Options, Args extends unknown[]> {
  run: (context: Context, options: Options, ...args: Args) => Promise<number | void>;
}

export type Action = (...received: unknown[]) => Promise<void>;

/** Makes a commander action of a module that is loaded when the command is used, so that starting stays fast. */
export type Bind = <Options, Args extends unknown[]>(
  load: () => Promise<CommandModule<Options, Args>>,
) => Action;

/** Adds a section of examples to a command's help. */
export function addExamples(command: Command, ...examples: string[]): Command {
  return command.addHelpText(
    "after",
    "\nExamples:\n" + examples.map((example) => `  $ ${example}`).join("\n"),
  );
}
