import { join } from "node:path";
import type { Contender } from "../contender.js";
import { measureProcess } from "../measure.js";
import { programVersion } from "./version.js";

export const borg: Contender = {
  name: "borg",
  settings: "fsync of each segment, zstd level 1, not encrypted, 1 thread",
  fidelity: "full",
  version: () => programVersion("borg", ["--version"]),
  async create(directory) {
    const env = {
      BORG_REPO: join(directory, "repository"),
      BORG_BASE_DIR: join(directory, "cache"),
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    };
    await measureProcess("borg", ["init", "--encryption=none"], { env });
    return {
      snapshot: (source, name) =>
        measureProcess("borg", ["create", "--compression", "zstd,1", `::${name}`, "."], { cwd: source, env }),
      restore: (name, target) => measureProcess("borg", ["extract", `::${name}`], { cwd: target, env }),
      diff: (from, to) => measureProcess("borg", ["diff", `::${from}`, to], { env }),
      remove: (name) =>
        measureProcess("/bin/sh", ["-c", 'borg delete "::$1" && borg compact', "borg", name], { env }),
    };
  },
};
