import { CliError } from "../errors.js";
import { exitCode } from "../exit.js";

export const defaultServerUrl = "http://127.0.0.1:7420";

/** The server's base URL from `CHASER_API_URL`, without a slash at the end. */
export function serverUrl(env: NodeJS.ProcessEnv): string {
  const given = env["CHASER_API_URL"];
  if (given === undefined || given === "") return defaultServerUrl;
  return normalServerUrl(given);
}

/** One spelling for each server, so that a saved key is found again. */
export function normalServerUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw badUrl(text, error);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw badUrl(text);
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function badUrl(text: string, cause?: unknown): CliError {
  return new CliError("usage", `CHASER_API_URL is not an http or https URL: "${text}"`, {
    exitCode: exitCode.usage,
    suggestion: `it looks like ${defaultServerUrl}`,
    cause,
  });
}

/** A path of the API. Values become one segment each, whatever is in them. */
export function apiPath(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((path, part, at) => path + segment(values[at - 1] ?? "") + part);
}

function segment(value: string): string {
  // An empty segment would turn "show one" into "list all"; dots would climb.
  if (value === "" || value === "." || value === "..")
    throw new CliError("usage", `"${value}" is not a name`, { exitCode: exitCode.usage });
  return encodeURIComponent(value);
}
