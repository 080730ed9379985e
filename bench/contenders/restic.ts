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
    await measureProcess("restic", ["init", "--quiet"], { env });
    return {
      // The tree is given as `.`, so that a restore puts it straight into the target.
      snapshot: (source, name) =>
        measureProcess("restic", ["backup", "--quiet", "--tag", name, "."], { cwd: source, env }),
      restore: (name, target) =>
        measureProcess("restic", ["restore", "latest", "--quiet", "--tag", name, "--target", target], {
          env,
        }),
    };
  },
};
