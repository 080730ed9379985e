/** Verbs that own every word after `--`, whatever it looks like. */
const owners = new Set(["exec", "__complete"]);

/**
 * `chaser exec W -- command --flags`: what follows the first `--` of `exec` belongs to the command and is never
 * looked at. For every other command `--` only ends the options, and stays where it is.
 */
export function splitCommandLine(args: string[]): { own: string[]; command: string[] | undefined } {
  const end = args.indexOf("--");
  const verb = args.find((word) => !word.startsWith("-"));
  if (end === -1 || !owners.has(verb ?? "") || args.indexOf(verb ?? "") > end)
    return { own: args, command: undefined };
  return { own: args.slice(0, end), command: args.slice(end + 1) };
}
