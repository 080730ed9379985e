import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { IdMap } from "../src/api.js";
import { Engine } from "../src/engine/engine.js";
import type { Files } from "../src/platform/files.js";
import { linuxFiles } from "../src/platform/linux.js";
import { manifest } from "./disk/manifest.js";
import { withCode } from "./errors.js";
import { golden } from "./golden.js";
import { du, findings } from "./snapshot/made-store.js";
import { temporaryDirectory } from "./temporary.js";

interface GoldenStore {
  directories: string[];
  /** Content in hexadecimal by path. */
  files: Record<string, string>;
  snapshots: { id: string; name: string; disk: string }[];
  tree: string;
  manifest: string[];
  bundle: string;
  census: string;
  laterFormat: string;
}

const store = golden<GoldenStore>("store");

/** Owner 0 in the tree is whoever runs the test. */
const idMap: IdMap = {
  uids: [{ host: process.getuid?.() ?? 0, tree: 0, count: 1 }],
  gids: [{ host: process.getgid?.() ?? 0, tree: 0, count: 1 }],
};

function made(t: TestContext, files = store.files): { place: string; root: string; open: () => Engine } {
  const place = temporaryDirectory(t);
  const root = `${place}/store`;
  for (const path of [...store.directories, ...Object.keys(files).map(dirname)]) {
    mkdirSync(`${root}/${path}`, { recursive: true });
  }
  for (const [path, hex] of Object.entries(files)) writeFileSync(`${root}/${path}`, Buffer.from(hex, "hex"));
  const open = (): Engine => {
    const engine = Engine.open(linuxFiles, root, { create: false });
    t.after(() => engine.close());
    return engine;
  };
  return { place, root, open };
}

describe("a store of version 1, made without the store's own code", () => {
  test("is accounted for by what was kept of it, and the same is kept again", (t) => {
    const { root } = made(t);
    const keptIn = (): string => readFileSync(`${root}/cache/census`, "utf8");
    mkdirSync(`${root}/cache`);
    writeFileSync(`${root}/cache/census`, store.census);
    const opened: string[] = [];
    const files: Files = {
      ...linuxFiles,
      open: (directory, name, options) => {
        opened.push(Buffer.from(name as never).toString());
        return linuxFiles.open(directory, name, options);
      },
    };
    const engine = Engine.open(files, root, { create: false });
    t.after(() => engine.close());
    const { snapshots, audit, onDiskBytes } = engine.upkeep.usage({});
    assert.deepEqual([snapshots, audit, onDiskBytes], [2, null, du(root)]);
    for (const { id } of store.snapshots)
      assert.ok(!opened.some((path) => path.endsWith(`snapshots/${id}`)), `${id} was read`);
    assert.deepEqual(engine.upkeep.usage({}, { audit: true }).audit, { differences: [] });
    const counts = (census: string): unknown => {
      const { packs, snapshots: kept } = JSON.parse(census.slice(65)) as {
        packs: [string][];
        snapshots: { records: [string][]; refs: unknown };
      };
      return { packs: [...packs].sort(), records: [...kept.records].sort() };
    };
    assert.notEqual(keptIn(), store.census);
    assert.deepEqual(counts(keptIn()), counts(store.census));
  });

  test("is whole, and lists what it holds", (t) => {
    const engine = made(t).open();
    assert.deepEqual(findings(engine), []);
    const [first, onDisk] = store.snapshots;
    const listed = engine.directories.listSnapshots({});
    assert.deepEqual(
      listed.map(({ id, name, tree, comment }) => ({ id, name, tree, comment })),
      [{ id: first?.id, name: "Größe", tree: store.tree, comment: "golden" }],
    );
    assert.equal(engine.directories.getSnapshot({}, "GRÖSSE".replace("SS", "ß")).id, first?.id);
    assert.deepEqual(
      engine.disks.list({}).map(({ id, layers }) => ({ id, layers })),
      [{ id: "one", layers: 1 }],
    );
    const [ofDisk] = engine.disks.snapshots({}, "one");
    assert.deepEqual([ofDisk?.id, ofDisk?.parent, ofDisk?.consistency], [onDisk?.id, first?.id, "live"]);
  });

  test("restores to what its maker says, and what is restored has the same tree", (t) => {
    const { place, open } = made(t);
    const engine = open();
    const { problems } = engine.directories.restore({}, "Größe", `${place}/restored`, { idMap });
    assert.deepEqual(problems, []);
    const withoutOwners = manifest(`${place}/restored`).map((line) => line.replace(/ \d+:\d+ /, " "));
    assert.deepEqual(withoutOwners, store.manifest);
    const { snapshot } = engine.directories.snapshot({}, `${place}/restored`, { name: "again", idMap });
    assert.equal(snapshot.tree, store.tree);
    assert.deepEqual(findings(engine), []);
  });

  test("takes its own snapshot in as a bundle", (t) => {
    const root = `${temporaryDirectory(t)}/store`;
    const engine = Engine.open(linuxFiles, root, { create: true });
    t.after(() => engine.close());
    const handle = engine.bundles.beginImport({}, {});
    engine.bundles.importPiece({}, handle, Buffer.from(store.bundle, "hex"));
    assert.deepEqual(
      engine.bundles.finishImport({}, handle).map(({ id }) => id),
      [store.snapshots[0]?.id],
    );
    assert.deepEqual(findings(engine), []);
  });

  test("says in format.json and in its descriptions what this program writes", (t) => {
    const root = `${temporaryDirectory(t)}/store`;
    Engine.open(linuxFiles, root, { create: true }).close();
    assert.equal(readFileSync(`${root}/format.json`, "hex"), store.files["format.json"]);
  });
});

test("a store of a later version is refused and left as it is", (t) => {
  const { root, open } = made(t, { ...store.files, "format.json": store.laterFormat });
  assert.throws(open, withCode("store_version_unsupported", /version 2, this program knows version 1/));
  for (const [path, hex] of Object.entries(store.files)) {
    const expected = path === "format.json" ? store.laterFormat : hex;
    assert.equal(readFileSync(`${root}/${path}`, "hex"), expected);
  }
});
