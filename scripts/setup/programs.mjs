// Makes the packages' programs startable by name. npm links a program only when it is there at install time, which a
// compiled one is not.
import { chmodSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function link(path, target) {
  const wanted = relative(dirname(path), target);
  try {
    if (readlinkSync(path) === wanted) return;
  } catch {
    // There is no link yet.
  }
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(wanted, path);
}

/** Links every program of the workspaces into `node_modules/.bin`, where `npx` and npm scripts find it. */
export function linkPrograms(root) {
  for (const workspace of readManifest(root).workspaces) {
    const folder = join(root, workspace);
    for (const [name, file] of Object.entries(readManifest(folder).bin ?? {})) {
      const target = join(folder, file);
      // The compiler writes files that cannot be started.
      if ((statSync(target).mode & 0o111) !== 0o111) chmodSync(target, 0o755);
      link(join(root, "node_modules/.bin", name), target);
    }
  }
}
