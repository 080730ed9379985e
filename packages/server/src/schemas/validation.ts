import { ServerError } from "../errors.js";

interface Issue {
  code?: string | undefined;
  path: PropertyKey[];
  message: string;
  keys?: string[];
}

/** How many problems an answer lists: enough to mend a request, too few to make a large answer of a small one. */
const issuesMax = 20;

/** What is wrong with a request, with the path of each bad field as one would write it: `command[1]`, `env.PATH`. */
export function validationError(issues: readonly Issue[]): ServerError {
  const problems = issues.flatMap(describe).slice(0, issuesMax);
  const first = problems[0] ?? { path: "", message: "invalid" };
  const message = first.path === "" ? first.message : `${first.path}: ${first.message}`;
  return new ServerError("invalid_request", message, { details: { path: first.path, issues: problems } });
}

function describe(issue: Issue): { path: string; message: string }[] {
  if (issue.code === "unrecognized_keys" && issue.keys !== undefined)
    return issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: "unknown field" }));
  return [{ path: pathText(issue.path), message: lowerFirst(issue.message) }];
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${String(part)}`))
    .join("");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
