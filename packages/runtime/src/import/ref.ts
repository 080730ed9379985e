import { RuntimeError } from "../errors.js";

const REF_LENGTH_MAX = 255;

/** What may not be in a name of a branch or tag, by the rules of git-check-ref-format(1); and no leading dash, which would be an option. */

const FORBIDDEN = /^[-/]|\.\.|@\{|[\x00-\x20\x7f~^:?*[\\]|\/\/|\/$|\.$|^@$|(^|\/)\.|\.lock(\/|$)/;

/** Code `import_refused` for what git itself would not take as the name of a branch, a tag or a commit. */
export function checkRef(ref: string): void {
  if (ref === "" || ref.length > REF_LENGTH_MAX || FORBIDDEN.test(ref))
    throw new RuntimeError(
      "import_refused",
      `ref ${JSON.stringify(ref.slice(0, REF_LENGTH_MAX))} is no valid name`,
    );
}

/** A full commit id, as opposed to a branch or tag. */
export function isCommit(ref: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}
