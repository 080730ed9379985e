/** Says whether a disk holds a store as it may be after a power cut: nothing lost, nothing half, and ready for more. */
import { StoreError } from "../../src/errors.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { Repository } from "../../src/snapshot/repository.js";
import { treeDigest } from "../../src/snapshot/record.js";
import type { Engine } from "../../src/engine/engine.js";
import { readContent } from "../../src/tree/content.js";
import { readDirectory, readRoot } from "../../src/tree/directory.js";
import type { DirectoryTreeEntry } from "../../src/tree/entry.js";
import { findings } from "../snapshot/made-store.js";
import { MemoryDisk, type Moment } from "./memory-disk.js";
import { MemoryFiles } from "./memory-files.js";
import { openStore, sourceRoot, storeRoot } from "./sources.js";

/** Trees by `scope@name` of snapshots, and by id of disks. */
export interface State {
  snapshots: ReadonlyMap<string, string>;
  disks: ReadonlyMap<string, string>;
}

export interface Expectation {
  /** What each name may show. */
  allowed: readonly State[];
  /** What was acknowledged, and nobody has asked to change since. */
  required: State;
  /** Names that were acknowledged as deleted. */
  gone: State;
  /** No store is there before it was acknowledged. */
  mayLackStore: boolean;
  /** Names whose trees tell the time, so that no two runs agree on them. */
  volatile?: ReadonlySet<string>;
  /** What must work; throws when it does not. */
  goOn?: ((engine: Engine) => void) | undefined;
  mend?: ((engine: Engine) => void) | undefined;
}

export const nothingAtAll: State = { snapshots: new Map(), disks: new Map() };

/** What the store holds. */
export function observe(moment: Moment, mend?: (engine: Engine) => void): State {
  return observeOn(new MemoryFiles(new MemoryDisk(moment)), mend);
}

/** Changes the disk; what it tells is what was there before. */
export function observeOn(files: Files, mend?: (engine: Engine) => void): State {
  if (mend !== undefined) {
    const engine = openStore(files);
    mend(engine);
    engine.close();
  }
  const repository = openRepository(files);
  if (repository === null) return nothingAtAll;
  try {
    const snapshots = snapshotsOf(repository);
    const engine = openStore(files);
    try {
      return { snapshots, disks: disksOf(engine, files, "observed") };
    } finally {
      engine.close();
    }
  } finally {
    repository.close();
  }
}

function openRepository(files: Files): Repository | null {
  try {
    return Repository.open(files, storeRoot);
  } catch (error) {
    if (error instanceof StoreError && error.code === "not_a_store") return null;
    throw error;
  }
}

function snapshotsOf(repository: Repository): Map<string, string> {
  return new Map(
    repository.allSnapshots().map(({ diskId, name, tree }) => [`${diskId ?? ""}@${name}`, tree]),
  );
}

/** By taking a snapshot of each, of what its layers show and not of what they say that they show. */
function disksOf(engine: Engine, files: Files, name: string): Map<string, string> {
  const shown = (suffix: string): Map<string, string> =>
    new Map(
      engine.disks.list({}).map(({ id }) => {
        const { snapshot, problems } = engine.disks.snapshot({}, id, { name: `${name}-${suffix}` });
        if (problems.length > 0) throw new Error(`disk ${id}: ${JSON.stringify(problems)}`);
        return [id, snapshot.tree];
      }),
    );
  const claimed = shown("claimed");
  const layers = files.open(anywhere, `${storeRoot}/layers`, { directory: true });
  for (const layer of files.list(layers)) {
    const directory = files.open(layers, layer.name, { directory: true });
    if (files.list(directory).some(({ key }) => key === "tree")) files.unlink(directory, "tree");
    files.close(directory);
  }
  files.close(layers);
  const real = shown("real");
  for (const [id, tree] of real) {
    if (claimed.get(id) !== tree)
      throw new Error(`disk ${id} claims to show ${claimed.get(id)} and shows ${tree}`);
  }
  return real;
}

/** What is wrong, or null. */
export function verdict(moment: Moment, expected: Expectation): string | null {
  return verdictOn(new MemoryFiles(new MemoryDisk(moment)), expected);
}

/** Changes the disk. */
export function verdictOn(files: Files, expected: Expectation): string | null {
  try {
    const first = openRepository(files);
    first?.close();
    if (first === null && !expected.mayLackStore) return "there is no store";
    const engine = openStore(files, true);
    try {
      expected.mend?.(engine);
      return judge(engine, files, expected);
    } finally {
      engine.close();
    }
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

function judge(engine: Engine, files: Files, expected: Expectation): string | null {
  const found = findings(engine);
  if (found.length > 0) return found.join("; ");
  const before = readAll(files);
  const wrong = compare("snapshot", before, expected, "snapshots");
  if (wrong !== null) return wrong;

  expected.goOn?.(engine);
  const next = engine.directories.snapshot({}, sourceRoot, { name: "next operation" });
  if (next.problems.length > 0) return JSON.stringify(next.problems);
  engine.directories.restore({}, "next operation", "/data/restored", {});
  const again = engine.directories.snapshot({}, "/data/restored", { name: "restored" });
  if (again.snapshot.tree !== next.snapshot.tree) return "what was restored differs";
  engine.directories.deleteSnapshot({}, "restored");
  engine.disks.create({}, { id: "next-disk" });

  const disks = disksOf(engine, files, "after-power-loss");
  disks.delete("next-disk");
  const wrongDisk = compare("disk", disks, expected, "disks");
  if (wrongDisk !== null) return wrongDisk;

  engine.upkeep.gc({}, { dryRun: false });
  const foundAfter = findings(engine);
  if (foundAfter.length > 0) return `after the next operations: ${foundAfter.join("; ")}`;
  const after = readAll(files);
  for (const [name, tree] of before) {
    // The snapshots of a disk whose deletion was interrupted go when it is ended.
    const [scope] = name.split("@") as [string];
    if (scope !== "" && !disks.has(scope)) continue;
    if (after.get(name) !== tree) return `snapshot ${name} did not outlive the next operations`;
  }
  const unfinished = namesBelow(files, storeRoot).filter((path) => /\/\.tmp-|\/trash\/./.test(path));
  return unfinished.length === 0 ? null : `left behind: ${unfinished.join(", ")}`;
}

function compare(
  what: string,
  found: ReadonlyMap<string, string>,
  { allowed, required, gone, volatile }: Expectation,
  kind: "snapshots" | "disks",
): string | null {
  const agree = (name: string, tree: string, known: string | undefined): boolean =>
    volatile?.has(name) === true ? known !== undefined : known === tree;
  for (const [name, tree] of found) {
    if (!allowed.some((state) => agree(name, tree, state[kind].get(name)))) {
      return `${what} ${name} shows ${tree}`;
    }
    if (gone[kind].has(name)) return `${what} ${name} is back`;
  }
  for (const [name, tree] of required[kind]) {
    if (found.get(name) !== tree) return `${what} ${name} is ${found.has(name) ? "another" : "lost"}`;
  }
  return null;
}

/** Reads every byte of every snapshot, by way of the index, as a restore does. Returns their trees. */
function readAll(files: Files): Map<string, string> {
  const repository = Repository.open(files, storeRoot);
  try {
    const { chunks } = repository;
    const read = (directory: DirectoryTreeEntry): void => {
      for (const entry of readDirectory(chunks, directory.id)) {
        if (entry.type === "directory") read(entry);
        if (entry.type !== "file") continue;
        for (const item of readContent(chunks, entry.content, entry.sizeBytes)) {
          if (item.kind === "chunk") chunks.get(item.id);
        }
      }
    };
    const snapshots = snapshotsOf(repository);
    for (const tree of new Set(snapshots.values())) read(readRoot(chunks, treeDigest(tree as never)));
    return snapshots;
  } finally {
    repository.close();
  }
}

/** What stands in the store, with ids and passing names made alike. */
export function shapeOf(moment: Moment): string[] {
  return namesBelow(new MemoryFiles(new MemoryDisk(moment)), storeRoot)
    .map((path) => path.replaceAll(/\.tmp-[^/]*/g, ".tmp").replaceAll(/[0-9a-z]{12,}/g, "*"))
    .sort();
}

function namesBelow(files: Files, path: string): string[] {
  const directory = files.open(anywhere, path, { directory: true });
  const names = files.list(directory).flatMap(({ key, type }) => {
    const child = `${path}/${key}`;
    return type === "directory" ? [child, ...namesBelow(files, child)] : [child];
  });
  files.close(directory);
  return names;
}
