import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { distribution, measureProcess } from "../measure.js";
import { fillScript } from "./disk.js";
import type { Mark, Marks } from "./mark.js";

export interface PeerOptions {
  files: number;
  runs: number;
}

/** For files of one block each, thrice, and what the filesystem keeps besides. The image is sparse. */
const bytesPerFile = 16_384;
const imageBytesLeast = 1_000_000_000;

/** What each filesystem can copy a tree with: a shell command from `source` to `copy`, and one that removes the copy. */
const filesystems = {
  btrfs: {
    make: "mkfs.btrfs -q",
    source: "btrfs subvolume create source",
    copies: {
      "btrfs subvolume snapshot": ["btrfs subvolume snapshot source copy", "btrfs subvolume delete copy"],
      "cp -a --reflink (btrfs)": ["cp -a --reflink=always source copy", "rm -rf copy"],
    },
  },
  xfs: {
    make: "mkfs.xfs -q -m reflink=1",
    source: "mkdir source",
    copies: { "cp -a --reflink (xfs)": ["cp -a --reflink=always source copy", "rm -rf copy"] },
  },
} as const;

/** Prints a line with name and nanoseconds for each copy of each run. */
function copyScript(name: keyof typeof filesystems, { files, runs }: PeerOptions): string {
  const { source, copies } = filesystems[name];
  const timed = Object.entries(copies).flatMap(([title, [copy, remove]]) => [
    'sync -f "$2"; s=$(date +%s%N)',
    `${copy} > /dev/null`,
    `e=$(date +%s%N); echo "${title}:$((e - s))"`,
    `${remove} > /dev/null`,
  ]);
  return [
    "set -eu",
    'mount -o loop "$1" "$2"; cd "$2"',
    `${source} > /dev/null`,
    `( ${fillScript(files, '"$2/source"')} ) > /dev/null`,
    `for run in $(seq ${runs}); do`,
    ...timed,
    "done",
  ].join("\n");
}

async function onLoop(
  directory: string,
  name: keyof typeof filesystems,
  options: PeerOptions,
): Promise<Mark[]> {
  const image = join(directory, `${name}.image`);
  const mountPoint = join(directory, `${name}.mount`);
  mkdirSync(mountPoint);
  try {
    const bytes = imageBytesLeast + bytesPerFile * options.files;
    const make = `truncate -s ${bytes} "$1" && ${filesystems[name].make} "$1"`;
    await measureProcess("/bin/sh", ["-c", make, "make", image]);
    // In a mount namespace of its own, so that the mount goes with the shell however it ends, and the loop device with the mount.
    const shell = ["/bin/sh", "-c", copyScript(name, options), "copies", image, mountPoint];
    const { output } = await measureProcess("unshare", ["--mount", ...shell]);
    const found = new Map<string, number[]>();
    for (const [, title = "", nanoseconds] of output.matchAll(/^(.*):(\d+)$/gm)) {
      found.set(title, [...(found.get(title) ?? []), Number(nanoseconds) / 1e6]);
    }
    return [...found].map(([title, durations]) => mark(title, options, durations));
  } finally {
    rmSync(image, { force: true });
    rmSync(mountPoint, { recursive: true, force: true });
  }
}

function mark(name: string, { files }: PeerOptions, durations: readonly number[]): Mark {
  return { name: `peer: ${name}, ${files} files`, measured: distribution(durations), goalMs: null };
}

async function plainCopies(directory: string, options: PeerOptions): Promise<Mark> {
  const source = join(directory, "plain");
  const copy = join(directory, "plain-copy");
  mkdirSync(source);
  try {
    const fill = fillScript(options.files, '"$1"');
    await measureProcess("/bin/sh", ["-c", fill, "fill", source]);
    const durations: number[] = [];
    for (let run = 0; run < options.runs; run += 1) {
      durations.push((await measureProcess("cp", ["-a", source, copy])).durationMs);
      rmSync(copy, { recursive: true });
    }
    return mark("cp -a", options, durations);
  } finally {
    for (const made of [source, copy]) rmSync(made, { recursive: true, force: true });
  }
}

/** How long others take to copy as many files. None of them is durable on return but the subvolume's snapshot. */
export async function markPeers(directory: string, options: PeerOptions): Promise<Marks> {
  const found: Marks = { marks: [await plainCopies(directory, options)], goals: [], notes: [] };
  for (const name of Object.keys(filesystems) as (keyof typeof filesystems)[]) {
    try {
      if (process.getuid?.() !== 0) throw new Error("only root may mount an image of it");
      found.marks.push(...(await onLoop(directory, name, options)));
    } catch (error) {
      found.notes.push(`Copies on ${name} were not measured: ${(error as Error).message.trim()}`);
    }
  }
  return found;
}
