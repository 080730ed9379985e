import { join } from "node:path";
import type { Contender } from "../contender.js";
import { measureProcess } from "../measure.js";
import { programVersion } from "./version.js";

/** One archive a snapshot; nothing is shared between them. */
export const tarZstd: Contender = {
  name: "tar | zstd -1",
  settings: "sync -f after writing, level 1, 2 threads",
  fidelity: "full",
  version: () => programVersion("zstd", ["--version"]),
  create(directory) {
    const archive = (name: string): string => join(directory, `${name}.tar.zst`);
    return Promise.resolve({
      snapshot(source, name) {
        const script = 'tar --xattrs --acls -C "$1" -cf - . | zstd -1 -T2 -q -o "$2" && sync -f "$2"';
        return measureProcess("/bin/bash", ["-o", "pipefail", "-c", script, "tar", source, archive(name)]);
      },
      restore(name, target) {
        const script = 'zstd -dcq "$1" | tar --xattrs --acls -C "$2" -xpf -';
        return measureProcess("/bin/bash", ["-o", "pipefail", "-c", script, "tar", archive(name), target]);
      },
    });
  },
};

/** The archive without compression: the lower bound of what a restore of many files costs. */
export const tar: Contender = {
  name: "tar",
  settings: "sync -f after writing, no compression, 1 thread",
  fidelity: "full",
  version: () => programVersion("tar", ["--version"]),
  create(directory) {
    const archive = (name: string): string => join(directory, `${name}.tar`);
    return Promise.resolve({
      snapshot(source, name) {
        const script = 'tar --xattrs --acls -C "$1" -cf "$2" . && sync -f "$2"';
        return measureProcess("/bin/sh", ["-c", script, "tar", source, archive(name)]);
      },
      restore(name, target) {
        return measureProcess("tar", ["--xattrs", "--acls", "-C", target, "-xpf", archive(name)]);
      },
    });
  },
};
