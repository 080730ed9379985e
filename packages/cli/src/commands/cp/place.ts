import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

export type Place = { kind: "remote"; workspace: string; path: string } | { kind: "local"; path: string };

/** `workspace:path`, unless a slash comes before the colon: `./a:b` is a local file. */
export function parsePlace(text: string): Place {
  const colon = text.indexOf(":");
  if (colon < 1 || text.slice(0, colon).includes("/")) return { kind: "local", path: text };
  return { kind: "remote", workspace: text.slice(0, colon), path: text.slice(colon + 1) || "." };
}

export function copyUsage(message: string): CliError {
  return new CliError("usage", message, {
    exitCode: exitCode.usage,
    suggestion:
      "one side is a local path and the other workspace:path, as in: chaser cp notes.txt my-project:notes.txt",
  });
}
