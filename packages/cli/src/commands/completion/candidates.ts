import type { Command, Option } from "commander";

export interface Candidates {
  /** Commands, options and choices that begin with the unfinished word. */
  texts: string[];
  /** Whether the name of a workspace may stand here. */
  workspaces: boolean;
}

const workspaceOptions = new Set(["--clone-from", "--workspace"]);

/** What may stand at the end of a line. `words` are those after the program's name, the unfinished one last. */
export function candidates(program: Command, words: string[]): Candidates {
  const unfinished = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const none: Candidates = { texts: [], workspaces: false };
  if (before.includes("--")) return none;
  const place = walk(program, before);
  if (place.open !== undefined)
    return {
      texts: fitting(place.open.argChoices ?? [], unfinished),
      workspaces: workspaceOptions.has(place.open.long ?? ""),
    };
  const { command, operands } = place;
  const argument = command.registeredArguments[operands];
  const subcommands = operands === 0 ? visibleCommands(command) : [];
  const options = unfinished.startsWith("-") ? visibleOptions(program, command) : [];
  return {
    texts: fitting([...subcommands, ...(argument?.argChoices ?? []), ...options], unfinished),
    workspaces: argument?.name() === "workspace" && !unfinished.startsWith("-"),
  };
}

interface Place {
  command: Command;
  /** How many operands the command has already. */
  operands: number;
  /** The option whose value comes next. */
  open: Option | undefined;
}

function walk(program: Command, words: string[]): Place {
  const place: Place = { command: program, operands: 0, open: undefined };
  for (const word of words) {
    if (place.open !== undefined) {
      place.open = undefined;
    } else if (word.startsWith("-")) {
      const option = place.command.options.find(({ long, short }) => long === word || short === word);
      if (option?.required === true) place.open = option;
    } else {
      const below = place.command.commands.find(
        (each) => each.name() === word || each.aliases().includes(word),
      );
      if (below !== undefined && place.operands === 0) place.command = below;
      else place.operands += 1;
    }
  }
  return place;
}

function visibleCommands(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((below) => below.name());
}

function visibleOptions(program: Command, command: Command): string[] {
  const options = command.createHelp().visibleOptions(command).concat(program.options);
  return [...new Set(options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])))];
}

function fitting(texts: readonly string[], unfinished: string): string[] {
  return texts.filter((text) => text.startsWith(unfinished));
}
