import type { DiffSide, TreeChange } from "@chaser/store";
import type { Context } from "../../context.js";
import { jsonPath, printablePath } from "../../output/printable.js";
import { formatBytes, formatCount } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";
import { problemsJson, reportProblems } from "./problems.js";

interface Options extends StoreOptions {
  limit?: number;
  exclude?: string[];
}

const marks = { added: "+", removed: "-", changed: "M" } as const;

export async function run(context: Context, options: Options, from: string, to: string): Promise<number> {
  const { limit, exclude } = options;
  const counts = { added: 0, removed: 0, changed: 0 };
  const changes: object[] = [];
  let truncated = false;
  const problems = await withStore(context, options, async (store, call) => {
    const diff = await store.diff(side(from), side(to), {
      ...call,
      ...(exclude === undefined ? {} : { exclude }),
      // One more than is shown tells whether there are more.
      ...(limit === undefined ? {} : { limit: limit + 1 }),
    });
    for await (const change of diff.changes) {
      if (counts.added + counts.removed + counts.changed === limit) {
        truncated = true;
        break;
      }
      counts[change.kind] += 1;
      if (context.json) changes.push(changeJson(change));
      else context.print(describe(change));
    }
    return diff.problems;
  });
  context.show({ from, to, ...counts, truncated, changes, problems: problemsJson(problems) }, () => {
    const total = counts.added + counts.removed + counts.changed;
    if (total === 0) return "nothing differs";
    const parts = [`${formatCount(counts.added)} added`, `${formatCount(counts.removed)} removed`];
    const more = truncated ? ", and more (--limit)" : "";
    return `${parts.join(", ")}, ${formatCount(counts.changed)} changed${more}`;
  });
  return reportProblems(context, problems);
}

/** No snapshot has a slash in its name, so what has one is a directory. */
function side(typed: string): DiffSide {
  return typed.includes("/") || typed === "." || typed === ".." ? { directory: typed } : typed;
}

function changeJson({ path, kind, type, what, beforeBytes, afterBytes }: TreeChange): object {
  return { ...jsonPath(path), kind, type, what, before_bytes: beforeBytes, after_bytes: afterBytes };
}

function describe({ path, kind, type, what, beforeBytes, afterBytes }: TreeChange): string {
  const shown = path.length === 0 ? "." : printablePath(path);
  const slash = type === "directory" ? "/" : "";
  const sizes = [beforeBytes, afterBytes].filter((bytes) => bytes !== null).map(formatBytes);
  const details = [
    ...what,
    ...(what.length === 0 || what.includes("content") ? [[...new Set(sizes)].join(" -> ")] : []),
  ]
    .filter((detail) => detail !== "")
    .join(", ");
  return `${marks[kind]} ${shown}${slash}${details === "" ? "" : `  (${details})`}`;
}
