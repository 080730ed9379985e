import type { Command } from "commander";
import type { Workspace } from "../../client/answers.js";
import type { CommandModule } from "../../command.js";
import type { Context } from "../../context.js";
import { candidates } from "./candidates.js";

/** A person who presses Tab waits no longer than this for a server. */
const patienceMs = 700;

/** Completion needs the whole command line to look at, which only its maker has. */
export function completing(program: Command): CommandModule<{ command?: string[] }, []> {
  return {
    run: async (context, { command: words = [] }) => {
      const { texts, workspaces } = candidates(program, words);
      const unfinished = words.at(-1) ?? "";
      const names = workspaces ? await workspaceNames(context) : [];
      const fitting = names.filter((name) => name.startsWith(unfinished));
      context.print([...texts, ...fitting].map((text) => text + "\n").join(""));
    },
  };
}

/** Nothing when there is no server: completion never complains. */
async function workspaceNames(context: Context): Promise<string[]> {
  try {
    const api = await context.api();
    const signal = AbortSignal.timeout(patienceMs);
    const list = await api.list<Workspace>("/v1/workspaces", { signal });
    // Only names that a shell takes as one word: the scripts do not quote.
    return list.flatMap(({ name }) => (name !== null && /^[\w@%+=:,.-]+$/.test(name) ? [name] : []));
  } catch {
    return [];
  }
}
