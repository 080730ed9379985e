import { join } from "node:path";
import type { Contender } from "../contender.js";
import { measureProcess } from "../measure.js";
import { programVersion } from "./version.js";

/** Nobody's own settings may change the run. */
const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
const person = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];

export const git: Contender = {
  name: "git",
  settings: "core.fsync=all, loose objects at default level, gc off",
  fidelity: "content",
  version: () => programVersion("git", ["--version"]),
  async create(directory) {
    const repository = `--git-dir=${join(directory, "repository")}`;
    await measureProcess("git", [repository, "init", "--quiet", "--bare"], { env });
    for (const setting of ["core.bare false", "core.fsync all", "gc.auto 0", "core.autocrlf false"]) {
      await measureProcess("git", [repository, "config", ...setting.split(" ")], { env });
    }
    return {
      snapshot(source, name) {
        const steps = [
          'git "$1" --work-tree="$2" add --all --force .',
          'git "$1" --work-tree="$2" "$4" "$5" "$6" "$7" commit --quiet --allow-empty -m "$3"',
          'git "$1" tag "$3"',
        ].join(" && ");
        return measureProcess("/bin/sh", ["-c", steps, "git", repository, source, name, ...person], {
          cwd: source,
          env,
        });
      },
      restore(name, target) {
        // An index of its own: the repository's describes the tree that the next snapshot compares with.
        const index = { GIT_INDEX_FILE: join(directory, "restore-index") };
        const script =
          'git "$1" --work-tree="$2" read-tree "$3" && git "$1" --work-tree="$2" checkout-index --all --force';
        return measureProcess("/bin/sh", ["-c", script, "git", repository, target, name], {
          cwd: target,
          env: { ...env, ...index },
        });
      },
      restoreOver: (name, target) =>
        measureProcess("git", [repository, `--work-tree=${target}`, "checkout", "--force", name, "--", "."], {
          cwd: target,
          env,
        }),
      diff: (from, to) => measureProcess("git", [repository, "diff", "--name-status", from, to], { env }),
    };
  },
};
