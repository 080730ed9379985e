import { CommanderError, type Command } from "commander";
import type { Bind } from "./command.js";
import { splitCommandLine } from "./command-line.js";
import { createContext, type Context } from "./context.js";
import { CliError } from "./errors.js";
import { exitCode } from "./exit.js";
import { showError, toCliError } from "./failure.js";
import { createProgram } from "./program.js";

/** A command's work with its types erased: the parser has checked what it hands over. */
type AnyRun = (context: Context, options: object, ...args: unknown[]) => Promise<number | void>;

/**
 * Runs one command line and gives the exit code. `args` are the words after the program's name. Output goes to the
 * streams of `process`; nothing in here ends it, except a second Ctrl-C.
 */
export async function runCli(process: NodeJS.Process, args: string[]): Promise<number> {
  const { own, command } = splitCommandLine(args);
  const json = isJson(args);
  const context = createContext(process, json);
  let code: number = exitCode.ok;

  const bind: Bind =
    (load) =>
    async (...received) => {
      const { run } = (await load()) as unknown as { run: AnyRun };
      const options = { ...(received.at(-2) as object), ...(command === undefined ? {} : { command }) };
      code = (await run(context, options, ...received.slice(0, -2))) ?? exitCode.ok;
    };

  const program = createProgram(bind);
  let parserText = "";
  configure(program, (text) => (parserText += text));
  try {
    await program.parseAsync(own, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCode.ok;
    if (error instanceof CommanderError && error.code === "commander.help" && !json) {
      process.stderr.write(parserText);
      return exitCode.usage;
    }
    const shown = error instanceof CommanderError ? usageError(error) : toCliError(error);
    showError(process.stderr, shown, json);
    return shown.exitCode;
  }
}

export function isJson(args: string[]): boolean {
  return splitCommandLine(args).own.includes("--json");
}

/** Makes commander throw instead of ending the process, and keeps its error text for us to show in our format. */
function configure(command: Command, onErrorText: (text: string) => void): void {
  command.exitOverride().configureOutput({ writeErr: onErrorText, outputError: () => {} });
  for (const below of command.commands) configure(below, onErrorText);
}

const missingCommand = new CliError("usage", "no command is given", {
  exitCode: exitCode.usage,
  suggestion: "--help lists them",
});

/** Commander's message is `error: what` with, sometimes, a second line `(Did you mean x?)`. */
function usageError(error: CommanderError): CliError {
  // A group of commands without one: where nobody reads the help, this is the error that it stands for.
  if (error.code === "commander.help") return missingCommand;
  const [line = "", second = ""] = error.message.replace(/^error: /, "").split("\n");
  const first = line
    .replace("command-argument value", "argument value")
    .replace(/ is invalid\. (.)/, (_, next: string) => ` is invalid: ${next.toLowerCase()}`)
    .replace(/\.$/, "");
  if (error.code === "commander.excessArguments" && first.includes("'exec'"))
    return new CliError("usage", "the command to run is not set apart", {
      exitCode: exitCode.usage,
      suggestion: "put -- before it, as in: chaser exec my-project -- ls -l",
    });
  const suggestion = second.replace(/^\((.*)\)$/, "$1").replace(/^Did/, "did");
  return new CliError("usage", first, {
    exitCode: exitCode.usage,
    suggestion: suggestion === "" ? "--help shows how the command is used" : suggestion,
  });
}
