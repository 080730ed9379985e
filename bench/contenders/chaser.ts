import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Contender } from "../contender.js";
import { measureProcess, type Measured } from "../measure.js";

/** The library in a process of its own, started for each call as the other programs are. */
const program = fileURLToPath(new URL("./chaser-process.js", import.meta.url));

export const chaser: Contender = {
  name: "chaser",
  settings: "fsync of each pack, zstd level 1, not encrypted, default threads, node's start included",
  fidelity: "full",
  async version() {
    const manifest = new URL("../../package.json", import.meta.resolve("@chaser/store"));
    return (JSON.parse(await readFile(manifest, "utf8")) as { version: string }).version;
  },
  async create(directory) {
    const store = join(directory, "store");
    const call = async (...args: string[]): Promise<Measured> => {
      const measured = await measureProcess(process.execPath, [program, store, ...args]);
      return { ...measured, insideMs: Number(/^inside (\S+)$/m.exec(measured.output)?.[1]) };
    };
    await call("create");
    return {
      snapshot: (source, name) => call("snapshot", source, name),
      restore: (name, target) => call("restore", name, target),
      restoreOver: (name, target) => call("over", name, target),
      diff: (from, to) => call("diff", from, to),
      rediff: (from, to) => call("rediff", from, to),
      remove: (name) => call("remove", name),
    };
  },
};
