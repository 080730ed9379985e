import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DiskAttachment, Store } from "@chaser/store";
import { measureProcess } from "../measure.js";

/** Attaches a disk, runs, and detaches it whatever happens. */
export async function attached<Result>(
  store: Store,
  id: string,
  run: (attachment: DiskAttachment) => Promise<Result>,
): Promise<Result> {
  const attachment = await store.disks.attach(id);
  try {
    return await run(attachment);
  } finally {
    await attachment.detach();
  }
}

/** Runs a shell script in the root of a mounted overlay disk, in a user namespace of its own, and returns what it printed. */
export async function onMounted({ mount }: DiskAttachment, script: string): Promise<string> {
  if (mount.driver !== "overlay") throw new Error("only overlay disks are mounted");
  const here = await mkdtemp(join(tmpdir(), "chaser-bench-mount-"));
  try {
    const options = `userxattr,lowerdir=${mount.lower.join(":")},upperdir=${mount.upper},workdir=${mount.work}`;
    const command = `cd "$1"; mount -t overlay overlay -o "$2" "$3"; cd "$3"\n${script}`;
    const shell = ["bash", "-euc", command, "bash", mount.layersDir, options, here];
    return (await measureProcess("unshare", ["--user", "--map-root-user", "--mount", ...shell])).output;
  } finally {
    await rmdir(here);
  }
}

export const changedFiles = 10;

/** Writes some files of a folder anew, through the mounted disk. */
export async function change(store: Store, id: string, folder: number, content: string): Promise<void> {
  const script = `for n in $(seq 0 ${changedFiles - 1}); do echo ${content} > folder-${folder}/file-$n; done`;
  await attached(store, id, (attachment) => onMounted(attachment, script));
}
