import { RuntimeError } from "../errors.js";

/** Where repositories may come from: `host`, which means its port 443, or `host:port`. */
export const IMPORT_HOSTS_DEFAULT: readonly string[] = ["github.com"];

const URL_LENGTH_MAX = 2000;

/** As GitHub allows them; a leading dash, which would be an option, is in neither. */
const OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/;
const REPOSITORY = /^[A-Za-z0-9._][A-Za-z0-9._-]{0,99}$/;

/**
 * The address of a repository that is named `owner/repo`, on github.com, or by an https URL whose host is among
 * `hosts`. Code `import_refused` for anything else: other protocols, user names and passwords in it, other hosts.
 */
export function repositoryUrl(selector: string, hosts: readonly string[]): string {
  const url = selector.startsWith("https://") ? parseUrl(selector) : shortUrl(selector);
  if (url === null) {
    throw new RuntimeError(
      "import_refused",
      `${JSON.stringify(selector.slice(0, 200))} is neither owner/repo nor an https address of a repository`,
    );
  }
  const place = url.port === "" ? url.hostname : url.host;
  if (!hosts.includes(place)) {
    throw new RuntimeError("import_refused", `repositories of ${place} may not be imported here`, {
      allowed: hosts,
    });
  }
  return url.href;
}

function shortUrl(selector: string): URL | null {
  const [owner = "", name = "", ...more] = selector.split("/");
  const repository = name.replace(/\.git$/, "");
  const usable = OWNER.test(owner) && REPOSITORY.test(repository) && !/^\.{1,2}$/.test(repository);
  return usable && more.length === 0 ? new URL(`https://github.com/${owner}/${repository}.git`) : null;
}

function parseUrl(selector: string): URL | null {
  if (selector.length > URL_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(selector) || !URL.canParse(selector))
    return null;
  const url = new URL(selector);
  const plain = url.protocol === "https:" && url.username === "" && url.password === "";
  return plain && url.search === "" && url.hash === "" && url.pathname !== "/" ? url : null;
}
