/** Repairs, of damage from which nothing is lost. */
import type { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import { anywhere, type Fd, type Files } from "../../src/platform/files.js";
import type { Scenario } from "./scenario.js";
import { put, sourceRoot, storeRoot, twoSnapshots } from "./sources.js";

function repair(engine: Engine): void {
  const { ok, repair: done } = engine.upkeep.fsck({}, { readData: false, repair: true });
  // A failing disk leaves it undone; what is lost then, the oracle says.
  if (!ok) throw new StoreError("corrupt", JSON.stringify(done?.remaining));
}

function change(files: Files, directory: string, damage: (fd: Fd, number: number) => void): void {
  const parent = files.open(anywhere, `${storeRoot}/${directory}`, { directory: true });
  const names = files.list(parent).sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const [number, { name }] of names.entries()) {
    const fd = files.open(parent, name, { access: "readwrite" });
    damage(fd, number);
    files.close(fd);
  }
  files.close(parent);
}

export const repairs: readonly Scenario[] = [
  {
    name: "repair of packs, of which the index tells what they held",
    prepare: (engine, files) => {
      twoSnapshots(engine, files);
      change(files, "packs", (fd) => files.truncate(fd, files.statOpen(fd).sizeBytes - 60));
      put(files, `${storeRoot}/packs/stray`, "stray");
    },
    act: repair,
    mend: repair,
  },
  {
    name: "repair of the index and of a ref",
    prepare: (engine, files) => {
      engine.directories.snapshot({}, sourceRoot, { name: "kept" });
      change(files, "index", (fd) => files.write(fd, Buffer.from("damaged"), 30));
      change(files, "refs/snapshots", (fd) => files.write(fd, Buffer.from("damaged"), 30));
    },
    act: repair,
    mend: repair,
  },
  {
    name: "repair of a record",
    prepare: (engine, files) => {
      engine.directories.snapshot({}, sourceRoot, { name: "kept", comment: "comment" });
      change(files, "snapshots", (fd) => {
        const bytes = Buffer.alloc(files.statOpen(fd).sizeBytes);
        files.read(fd, bytes, 0);
        files.write(fd, Buffer.from("C"), bytes.indexOf("comment"));
      });
    },
    act: repair,
    mend: repair,
  },
];
