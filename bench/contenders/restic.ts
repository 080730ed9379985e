import { join } from "node:path";
import type { Contender } from "../contender.js";
import { measureProcess } from "../measure.js";
import { programVersion } from "./version.js";

export const restic: Contender = {
  name: "restic",
  settings: "fsync of each pack, default compression, encrypted, default threads",
  fidelity: "full",
  version: () => programVersion("restic", ["version"]),
  async create(directory) {
    const env = {
      RESTIC_REPOSITORY: join(directory, "repository"),
      RESTIC_CACHE_DIR: join(directory, "cache"),
      RESTIC_PASSWORD: "benchmark",
    };
    const ids = new Map<string, string>();
    const idOf = (name: string): string => {
      const id = ids.get(name);
      if (id === undefined) throw new Error(`restic keeps no ${name}`);
      return id;
    };
    await measureProcess("restic", ["init", "--quiet"], { env });
    return {
      // The tree is given as `.`, so that a restore puts it straight into the target.
      async snapshot(source, name) {
        const measured = await measureProcess("restic", ["backup", "--quiet", "--json", "."], {
          cwd: source,
          env,
        });
        ids.set(name, /"snapshot_id":"([0-9a-f]+)"/.exec(measured.output)?.[1] ?? "");
        return measured;
      },
      restore: (name, target) =>
        measureProcess("restic", ["restore", idOf(name), "--quiet", "--target", target], { env }),
      diff: (from, to) => measureProcess("restic", ["diff", "--quiet", idOf(from), idOf(to)], { env }),
      remove: (name) => measureProcess("restic", ["forget", "--quiet", "--prune", idOf(name)], { env }),
    };
  },
};
