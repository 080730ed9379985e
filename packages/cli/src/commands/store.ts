import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { bytes, collect, count } from "../option.js";

const snapshotHelp = "name or id";
const pathHelp = "path inside the snapshot";
const sideHelp = "a snapshot, or a directory (with a / in it, or .)";

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
    verb("snapshot", "take a snapshot of a directory, without the store if that is in it")
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
  addExamples(
    verb("show", "show one snapshot")
      .argument("<snapshot>", snapshotHelp)
      .action(bind(() => import("./store/show.js"))),
    "chaser store show monday",
  );
  addExamples(
    verb("delete", "delete a snapshot and say how many bytes that freed")
      .argument("<snapshot>", snapshotHelp)
      .action(bind(() => import("./store/delete.js"))),
    "chaser store delete monday",
  );
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
    verb("diff", "what differs between two snapshots, or a snapshot and a directory")
      .argument("<from>", sideHelp)
      .argument("<to>", sideHelp)
      .option("--limit <count>", "stop after this many changes", count(Number.MAX_SAFE_INTEGER - 1))
      .option("--exclude <pattern>", "of a directory, leave out what matches; may be repeated", collect)
      .action(bind(() => import("./store/diff.js"))),
    "chaser store diff monday tuesday",
    "chaser store diff monday ./project --exclude node_modules",
    "chaser store diff monday tuesday --json | jq -r '.changes[].path'",
  );
  addExamples(
    verb("log", "in which snapshots a path was added, changed or removed, oldest first")
      .argument("<path>", pathHelp)
      .action(bind(() => import("./store/log.js"))),
    "chaser store log src/main.c",
  );
  addExamples(
    verb("ls", "list a directory of a snapshot")
      .argument("<snapshot>", snapshotHelp)
      .argument("[path]", pathHelp)
      .action(bind(() => import("./store/ls.js"))),
    "chaser store ls monday",
    "chaser store ls monday src",
  );
  addExamples(
    verb("cat", "print a file of a snapshot; with --json too, only its bytes")
      .argument("<snapshot>", snapshotHelp)
      .argument("<path>", pathHelp)
      .option("--offset <bytes>", "begin here; what is before is not read", bytes)
      .option("--length <bytes>", "print at most this much", bytes)
      .action(bind(() => import("./store/cat.js"))),
    "chaser store cat monday src/main.c",
    "chaser store cat monday disk.img --offset 1048576 --length 512 | xxd",
  );
  addExamples(
    verb("export", "write snapshots as one bundle to stdout")
      .argument("<snapshots...>", "names or ids")
      .option("--since <snapshot>", "leave out what this snapshot holds; the receiver must have it")
      .action(bind(() => import("./store/export.js"))),
    "chaser store export monday > monday.bundle",
    "chaser store export tuesday --since monday | ssh backup chaser store import --store /srv/snapshots",
  );
  addExamples(
    verb("import", "take in a bundle from stdin; everything in it is verified first")
      .option("--rename <old=new>", "give a snapshot another name; may be repeated", collect)
      .action(bind(() => import("./store/import.js"))),
    "chaser store import < monday.bundle",
    "chaser store import --rename monday=monday-laptop < monday.bundle",
  );
  addExamples(
    verb("usage", "what the store and each snapshot take, in bytes on disk")
      .option("--audit", "count everything anew as well, and exit with 1 when something differs")
      .action(bind(() => import("./store/usage.js"))),
    "chaser store usage",
    "chaser store usage --json | jq .on_disk_bytes",
  );
  addExamples(
    verb("fsck", "check the store; exit code 1 when something is damaged")
      .option("--read-data", "read and verify every byte, too")
      .option("--repair", "rebuild what can be rebuilt, put aside what cannot; reads every byte")
      .action(bind(() => import("./store/fsck.js"))),
    "chaser store fsck --read-data",
    "chaser store fsck --repair",
  );
  addExamples(
    verb("gc", "return the space of what no snapshot needs")
      .option("--dry-run", "say what would be freed, change nothing")
      .action(bind(() => import("./store/gc.js"))),
    "chaser store gc --dry-run",
  );
}
