import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { collect } from "../option.js";

const snapshotHelp = "name or id";

/** Every command of the group works on a store directory, with no server. */
export function addStore(program: Command, bind: Bind): void {
  const group = program
    .command("store")
    .description("snapshots of any directory in a store directory, without a server");
  const verb = (name: string, description: string): Command =>
    group
      .command(name)
      .description(description)
      .option("--store <directory>", "the store (default: $CHASER_STORE)");

  addExamples(
    verb("init", "make a store")
      .argument("[directory]", "a directory that is empty or does not exist yet")
      .action(bind(() => import("./store/init.js"))),
    "chaser store init ~/snapshots && export CHASER_STORE=~/snapshots",
  );
  addExamples(
    verb("snapshot", "take a snapshot of a directory")
      .argument("<source>", "the directory")
      .option("--name <name>", "1 to 64 characters (default: made from the time)")
      .option("--comment <text>", "a remark for later")
      .option("--exclude <pattern>", "leave out what matches, as in .gitignore; may be repeated", collect)
      .action(bind(() => import("./store/snapshot.js"))),
    "chaser store snapshot ~/project --name monday",
    "chaser store snapshot ~/project --exclude node_modules --exclude '*.log'",
  );
  addExamples(
    verb("snapshots", "list the snapshots, newest first").action(bind(() => import("./store/snapshots.js"))),
    "chaser store snapshots",
  );
  verb("show", "show one snapshot")
    .argument("<snapshot>", snapshotHelp)
    .action(bind(() => import("./store/show.js")));
  verb("delete", "delete a snapshot and say how many bytes that freed")
    .argument("<snapshot>", snapshotHelp)
    .action(bind(() => import("./store/delete.js")));
  addExamples(
    verb("restore", "write a snapshot's files into a directory")
      .argument("<snapshot>", snapshotHelp)
      .argument("<target>", "the directory; made when missing")
      .option("--dry-run", "say what would change, change nothing")
      .option("--delete", "remove from the target what the snapshot does not have")
      .option("--path <path>", "restore only this path and what is below it; may be repeated", collect)
      .action(bind(() => import("./store/restore.js"))),
    "chaser store restore monday ~/project --delete --dry-run",
    "chaser store restore monday /tmp/look --path src/main.c",
  );
  addExamples(
    verb("usage", "what the store holds, in bytes on disk").action(bind(() => import("./store/usage.js"))),
    "chaser store usage --json | jq .on_disk_bytes",
  );
  addExamples(
    verb("fsck", "check the store; exit code 1 when something is damaged")
      .option("--read-data", "read and verify every byte, too")
      .action(bind(() => import("./store/fsck.js"))),
    "chaser store fsck --read-data",
  );
  verb("gc", "return the space of what no snapshot needs")
    .option("--dry-run", "say what would be freed, change nothing")
    .action(bind(() => import("./store/gc.js")));
}
