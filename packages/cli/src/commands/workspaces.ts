import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { addDefault } from "./workspaces/default.js";
import { addSnapshots } from "./workspaces/snapshots.js";

export function addWorkspaces(program: Command, bind: Bind): void {
  const group = program
    .command("workspaces")
    .alias("ws")
    .description("make, list, clone, rename and delete workspaces");

  addExamples(
    group
      .command("create")
      .description("create a workspace, or clone one")
      .option("--name <name>", "1 to 64 characters; made up when left out")
      .option("--session-type <type>", "what runs on it (default: sandbox)")
      .option("--clone-from <workspace[@snapshot]>", "copy this workspace, or one of its snapshots")
      .option("--image <ref>", "OCI image as the root of its sessions")
      .option("--template", "mark it as a template to clone from")
      .action(bind(() => import("./workspaces/create.js"))),
    "chaser workspaces create --name my-project",
    "chaser workspaces create --name base-dev --template",
    "chaser workspaces create --name debian --image debian:12",
    "chaser workspaces create --clone-from base-dev --name feature-branch",
    "chaser workspaces create --clone-from my-project@before-upgrade --name retry",
  );
  addExamples(
    group
      .command("import")
      .summary("make a workspace from a Git repository")
      .description(
        "make a workspace from a Git repository\n\nFor a private one, CHASER_GIT_TOKEN is shown to its host, and not kept.",
      )
      .argument("<repository>", "owner/repo on GitHub, or an https address on a host that the server allows")
      .option("--ref <ref>", "branch, tag or full commit id (default: the default branch)")
      .option("--name <name>", "1 to 64 characters; made up when left out")
      .action(bind(() => import("./workspaces/import.js"))),
    "chaser workspaces import octocat/Hello-World",
    "chaser workspaces import octocat/Hello-World --ref v1.2 --name hello",
  );
  addExamples(
    group
      .command("list")
      .alias("ls")
      .description("list the workspaces, newest first")
      .option("--template", "templates only")
      .action(bind(() => import("./workspaces/list.js"))),
    "chaser workspaces list",
    "chaser workspaces list --json | jq -r '.[].name'",
  );
  addExamples(
    group
      .command("show")
      .description("show one workspace")
      .argument("<workspace>", "name or id")
      .action(bind(() => import("./workspaces/show.js"))),
    "chaser workspaces show my-project",
  );
  addExamples(
    group
      .command("usage")
      .description("show what a workspace and its snapshots hold")
      .argument("<workspace>", "name or id")
      .action(bind(() => import("./workspaces/usage.js"))),
    "chaser workspaces usage my-project",
  );
  addExamples(
    group
      .command("label")
      .description("rename a workspace; without a workspace, the default one")
      .usage("[options] [workspace] <new-name>")
      .argument("[workspace]", "name or id (default: the default workspace)")
      .argument("[new-name]", "1 to 64 characters")
      .option("--clear", "take the name away")
      .action(bind(() => import("./workspaces/label.js"))),
    "chaser workspaces label my-project my-app",
    "chaser workspaces label my-app --clear",
  );
  addExamples(
    group
      .command("template")
      .description("mark a workspace as a template to clone from")
      .argument("[workspace]", "name or id (default: the default workspace)")
      .option("--off", "mark it as a template no longer")
      .action(bind(() => import("./workspaces/template.js"))),
    "chaser workspaces template base-dev",
  );
  addExamples(
    group
      .command("delete")
      .alias("rm")
      .description("delete a workspace with its snapshots; its clones stay")
      .argument("<workspace>", "name or id")
      .option("--force", "end an active session first")
      .action(bind(() => import("./workspaces/delete.js"))),
    "chaser workspaces delete feature-branch",
  );
  addSnapshots(group, bind);
  addDefault(group, bind);
}
