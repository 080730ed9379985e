// Puts what each thread and process begins with into one file, with all modules it imports from its own package: that loads
// in a fraction of the time. Packages from elsewhere stay what they are.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { step } from "./run.mjs";

const bundles = [
  {
    folder: "packages/store",
    out: "dist/src/threads",
    entries: [
      "engine/thread",
      "engine/child",
      "pack/compress-thread",
      "snapshot/unchanged-thread",
      "snapshot/restore-thread",
    ],
  },
];

const nameOf = (entry) => entry.split("/").at(-1);

/** Whether nothing was compiled since. The library looks at the same times. */
export function isBundled(root) {
  return bundles.every(({ folder, out, entries }) => {
    const compiledMs = statSync(join(root, folder, "dist/.tsbuildinfo")).mtimeMs;
    const files = entries.map((entry) => join(root, folder, out, `${nameOf(entry)}.js`));
    return files.every((file) => existsSync(file) && statSync(file).mtimeMs >= compiledMs);
  });
}

export async function bundle(root) {
  if (isBundled(root)) return;
  await step("bundle", async () => {
    const { build } = await import("esbuild");
    for (const { folder, out, entries } of bundles) {
      await build({
        entryPoints: entries.map((entry) => ({
          in: join(root, folder, "dist/src", `${entry}.js`),
          out: nameOf(entry),
        })),
        outdir: join(root, folder, out),
        bundle: true,
        packages: "external",
        platform: "node",
        format: "esm",
        target: "node20.19",
        // Names stay, so that stacks can be read.
        minifyWhitespace: true,
        logLevel: "warning",
      });
    }
  });
}
