import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { collect } from "../option.js";

export function addKeys(program: Command, bind: Bind): void {
  const group = program.command("keys").description("API keys: make, list and revoke them");

  addExamples(
    group
      .command("create")
      .description("make a key; its secret is shown this once")
      .argument("<name>", "what it is for")
      .option(
        "--scope <scope>",
        "what it may do, such as workspaces.read; may be repeated (default: all)",
        collect,
      )
      .action(bind(() => import("./keys/create.js"))),
    "chaser keys create laptop",
    "chaser keys create dashboard --scope workspaces.read --scope billing.read",
  );
  group
    .command("list")
    .alias("ls")
    .description("list the keys, without their secrets")
    .action(bind(() => import("./keys/list.js")));
  group
    .command("revoke")
    .description("make a key useless, at once")
    .argument("<id>", "id from `chaser keys list`")
    .action(bind(() => import("./keys/revoke.js")));
}
