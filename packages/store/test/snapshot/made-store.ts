import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import type { TestContext } from "node:test";
import type { FsckFinding } from "../../src/api.js";
import { Engine } from "../../src/engine/engine.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { temporaryDirectory } from "../temporary.js";

export interface MadeStore {
  /** A directory of the test's own, with `store` and `source` in it. */
  place: string;
  root: string;
  source: string;
  engine: Engine;
  /** Another engine on the same store, as another process would open it. */
  again: (files?: Files) => Engine;
}

/** A new, empty store and an empty source, closed and removed with the test. `ordinary`: what engines use when they are not given others. */
export function makeStore(t: TestContext, ordinary: Files = linuxFiles): MadeStore {
  const place = temporaryDirectory(t);
  const root = `${place}/store`;
  const source = `${place}/source`;
  mkdirSync(source);
  const again = (files: Files = ordinary): Engine => {
    const engine = Engine.open(files, root, { create: true });
    t.after(() => engine.close());
    return engine;
  };
  return { place, root, source, engine: again(), again };
}

/** What `du -s -B1` says. */
export function du(path: string): number {
  return Number(execFileSync("du", ["-s", "-B1", path], { encoding: "utf8" }).split("\t")[0]);
}

/** What `du` says of a store without its caches, of which the figures of freed bytes do not speak. */
export function duWithoutCaches(root: string): number {
  return du(root) - (existsSync(`${root}/cache`) ? du(`${root}/cache`) : 0);
}

/** What a full check finds, in short. */
export function findings(engine: Engine): string[] {
  const describe = ({ code, object, message }: FsckFinding): string => `${code} ${object}: ${message}`;
  return engine.upkeep.fsck({}, { readData: true }).findings.map(describe);
}
