import type { Command } from "commander";
import { addExamples, type Bind } from "../../command.js";
import { collect } from "../../option.js";

const workspaceHelp = "name or id";
const snapshotHelp = "name or id";

export function addSnapshots(workspaces: Command, bind: Bind): void {
  const group = workspaces.command("snapshots").description("restore points of a workspace");

  addExamples(
    group
      .command("create")
      .description("take a snapshot of the whole workspace; it may be in use")
      .argument("<workspace>", workspaceHelp)
      .option("--name <name>", "1 to 64 characters (default: made from the time)")
      .option("--comment <text>", "a remark for later")
      .action(bind(() => import("./snapshots/create.js"))),
    "chaser workspaces snapshots create my-project --name before-upgrade",
  );
  addExamples(
    group
      .command("list")
      .alias("ls")
      .description("list a workspace's snapshots, newest first")
      .argument("<workspace>", workspaceHelp)
      .action(bind(() => import("./snapshots/list.js"))),
    "chaser workspaces snapshots list my-project",
  );
  addExamples(
    group
      .command("show")
      .description("show one snapshot")
      .argument("<workspace>", workspaceHelp)
      .argument("<snapshot>", snapshotHelp)
      .action(bind(() => import("./snapshots/show.js"))),
    "chaser workspaces snapshots show my-project before-upgrade",
  );
  addExamples(
    group
      .command("restore")
      .summary("put the workspace back to a snapshot")
      .description(
        "put the workspace back to a snapshot; its present state is kept as an undo snapshot\n\n" +
          "A path counts from /workspace on when it is not absolute; what the snapshot lacks of it goes.",
      )
      .argument("<workspace>", workspaceHelp)
      .argument("<snapshot>", snapshotHelp)
      .option("--force", "end an active session first")
      .option("--dry-run", "say what would change, change nothing")
      .option("--path <path>", "restore only this path and what is below it; may be repeated", collect)
      .action(bind(() => import("./snapshots/restore.js"))),
    "chaser workspaces snapshots restore my-project before-upgrade --force",
    "chaser workspaces snapshots restore my-project before-upgrade --dry-run",
    "chaser workspaces snapshots restore my-project before-upgrade --path src --path /home/chaser/.profile",
  );
  addExamples(
    group
      .command("delete")
      .alias("rm")
      .description("delete a snapshot and say how many bytes that freed")
      .argument("<workspace>", workspaceHelp)
      .argument("<snapshot>", snapshotHelp)
      .action(bind(() => import("./snapshots/delete.js"))),
    "chaser workspaces snapshots delete my-project before-upgrade",
  );
}
