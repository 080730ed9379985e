import type { Command } from "commander";
import { addExamples, type Bind } from "../../command.js";

export function addDefault(workspaces: Command, bind: Bind): void {
  const group = workspaces
    .command("default")
    .description("the workspace that commands use when none is named");

  addExamples(
    group
      .command("set")
      .description("choose the default workspace")
      .argument("<workspace>", "name or id")
      .action(bind(() => import("./default/set.js"))),
    "chaser workspaces default set my-project",
  );
  group
    .command("show")
    .description("show the default workspace")
    .action(bind(() => import("./default/show.js")));
  group
    .command("clear")
    .description("have no default workspace")
    .action(bind(() => import("./default/clear.js")));
}
