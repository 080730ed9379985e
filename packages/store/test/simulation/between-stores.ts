/** Operations that bring snapshots from another store, which stands beside on the same disk. */
import { Engine } from "../../src/engine/engine.js";
import type { Files } from "../../src/platform/files.js";
import { readWhole } from "../../src/platform/durable.js";
import type { Scenario } from "./scenario.js";
import { noise, put, sourceRoot, storeRoot, twoSnapshots } from "./sources.js";

const otherRoot = "/data/other";
const bundlePath = "/data/bundle";
/** Small, so that sections begin and end anywhere in a piece. */
const pieceBytes = 10_000;

function withOther<Result>(files: Files, run: (other: Engine) => Result): Result {
  const other = Engine.open(files, otherRoot, { create: true });
  try {
    return run(other);
  } finally {
    other.close();
  }
}

/** The other store gets "old" and "kept". */
function fillOther(files: Files): void {
  withOther(files, (other) => twoSnapshots(other, files));
}

function makeBundle(files: Files, name: string, since: string | null = null): void {
  withOther(files, (other) => {
    const stream = other.bundles.openExport({}, null, [name], since);
    const pieces: Buffer[] = [];
    for (let next = other.streams.next({}, stream); next !== null; next = other.streams.next({}, stream)) {
      pieces.push(next.piece as Buffer);
    }
    put(files, bundlePath, Buffer.concat(pieces));
  });
}

function importBundle(engine: Engine, files: Files, options: { diskId?: string } = {}): void {
  const bundle = readWhole(files, bundlePath, Infinity) as Buffer;
  const handle = engine.bundles.beginImport({}, options);
  try {
    for (let at = 0; at < bundle.length; at += pieceBytes) {
      engine.bundles.importPiece({}, handle, bundle.subarray(at, at + pieceBytes));
    }
    engine.bundles.finishImport({}, handle);
  } finally {
    engine.bundles.abandonImport({}, handle);
  }
}

export const betweenStores: readonly Scenario[] = [
  {
    name: "import",
    prepare: (engine, files) => {
      engine.directories.snapshot({}, sourceRoot, { name: "own" });
      fillOther(files);
      makeBundle(files, "old");
    },
    act: (engine, files) => importBundle(engine, files),
  },
  {
    name: "import on top of a base",
    prepare: (engine, files) => {
      fillOther(files);
      makeBundle(files, "old");
      importBundle(engine, files);
      makeBundle(files, "kept", "old");
    },
    act: (engine, files) => importBundle(engine, files),
  },
  {
    name: "import to a disk",
    prepare: (engine, files) => {
      engine.disks.create({}, { id: "one" });
      fillOther(files);
      makeBundle(files, "kept");
    },
    act: (engine, files) => importBundle(engine, files, { diskId: "one" }),
  },
  {
    name: "copy from another store",
    prepare: (engine, files) => {
      fillOther(files);
      put(files, `${sourceRoot}/file-5`, noise(500));
      engine.directories.snapshot({}, sourceRoot, { name: "own" });
    },
    act: (_engine, files) =>
      withOther(files, (other) => other.bundles.copyTo({}, null, storeRoot, ["old", "kept"], undefined)),
  },
];
