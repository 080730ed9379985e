/** The directory that scenarios take snapshots of, and the store they take them into. */
import { Engine } from "../../src/engine/engine.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { Random } from "../random.js";

export const storeRoot = "/data/store";
export const sourceRoot = "/data/source";

export function openStore(files: Files, create = false): Engine {
  return Engine.open(files, storeRoot, { create });
}

export function put(files: Files, path: string, content: string | Buffer): void {
  try {
    files.unlink(anywhere, path);
  } catch {
    // It is new.
  }
  const fd = files.open(anywhere, path, { access: "create" });
  files.write(fd, Buffer.from(content), 0);
  files.close(fd);
}

export const noise = (seed: number, length = 6_000): Buffer => new Random(seed).bytes(length);

/** Something of every kind, and files of several chunks. */
export function makeSource(files: Files): void {
  files.makeDirectory(anywhere, sourceRoot, 0o755);
  files.makeDirectory(anywhere, `${sourceRoot}/directory`, 0o750);
  for (let n = 1; n <= 5; n++) put(files, `${sourceRoot}/file-${n}`, noise(n));
  put(files, `${sourceRoot}/directory/large`, Buffer.concat([noise(20, 70_000), Buffer.alloc(20_000)]));
  put(files, `${sourceRoot}/directory/linked`, "linked");
  files.link(anywhere, `${sourceRoot}/directory/linked`, anywhere, `${sourceRoot}/link`);
  files.makeSymlink(Buffer.from("file-1"), anywhere, `${sourceRoot}/symlink`);
  files.setXattr(anywhere, `${sourceRoot}/file-1`, Buffer.from("user.note"), Buffer.from("noted"));
}

/** Two snapshots of the source: what `old` alone has is most of its pack. */
export function twoSnapshots(engine: Engine, files: Files): void {
  engine.directories.snapshot({}, sourceRoot, { name: "old" });
  for (let n = 1; n <= 4; n++) put(files, `${sourceRoot}/file-${n}`, noise(n + 100));
  put(files, `${sourceRoot}/directory/large`, "no longer");
  engine.directories.snapshot({}, sourceRoot, { name: "kept" });
}
