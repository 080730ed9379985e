import { join } from "node:path";
import type { Contender } from "../contender.js";
import { measureProcess } from "../measure.js";
import { programVersion } from "./version.js";

/** The plainest copy there is: what everything else must be worth more than. */
export const cp: Contender = {
  name: "cp -a",
  settings: "sync -f after the copy, no compression, 1 thread; rsync -aHAX --delete where 10 files changed",
  fidelity: "full",
  version: () => programVersion("cp", ["--version"]),
  create(directory) {
    return Promise.resolve({
      snapshot(source, name) {
        const script = 'cp -a "$1" "$2" && sync -f "$2"';
        return measureProcess("/bin/sh", ["-c", script, "cp", source, join(directory, name)]);
      },
      restore(name, target) {
        return measureProcess("cp", ["-a", `${join(directory, name)}/.`, target]);
      },
      // `cp -a` would write everything; rsync compares sizes and times as a delta restore does.
      restoreOver(name, target) {
        return measureProcess("rsync", ["-aHAX", "--delete", `${join(directory, name)}/`, `${target}/`]);
      },
    });
  },
};
