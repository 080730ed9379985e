import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { measureProcess, median } from "./measure.js";

/** Something that costs about as much as what is compared, and gives the scale. */
export interface Reference {
  name: string;
  durationMs: number;
}

const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };

/** What it costs to look at every file of a tree and find that nothing changed. */
export async function measureReferences(
  source: string,
  directory: string,
  runs: number,
): Promise<Reference[]> {
  const home = await mkdtemp(join(directory, "references-"));
  const git = (...args: string[]): ReturnType<typeof measureProcess> =>
    measureProcess("git", [`--git-dir=${home}`, `--work-tree=${source}`, ...args], { cwd: source, env });
  await measureProcess("git", ["init", "--quiet", "--bare", home], { env });
  await git("config", "core.bare", "false");
  await git("add", "--all", "--force", ".");
  const works = {
    "find -printf '%s %T@'": () => measureProcess("find", [source, "-printf", "%s %T@\\n"]),
    "git status": () => git("status", "--porcelain", "--untracked-files=no"),
    "git status, untracked files too": () => git("status", "--porcelain"),
  };
  const durations = new Map<string, number[]>();
  // In turn, so that what else the machine does meets all of them.
  for (let run = 0; run < runs; run += 1) {
    for (const [name, work] of Object.entries(works)) {
      durations.set(name, [...(durations.get(name) ?? []), (await work()).durationMs]);
    }
  }
  await rm(home, { recursive: true });
  return [...durations].map(([name, values]) => ({ name, durationMs: median(values) }));
}
