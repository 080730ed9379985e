import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { collect } from "../option.js";

export function addSessions(program: Command, bind: Bind): void {
  const group = program.command("sessions").description("running sandboxes: list, show and stop them");

  addExamples(
    group
      .command("list")
      .alias("ls")
      .description("list the sessions, newest first")
      .option("--all", "those that have ended, too")
      .option("--workspace <workspace>", "of this workspace only")
      .action(bind(() => import("./sessions/list.js"))),
    "chaser sessions list",
  );
  group
    .command("show")
    .description("show one session")
    .argument("<session>", "id")
    .action(bind(() => import("./sessions/show.js")));
  addExamples(
    group
      .command("stop")
      .description("end sessions; the files of their workspaces stay")
      .argument("[id...]", "ids of sessions")
      .option("--workspace <workspace>", "end the session of this workspace; may be repeated", collect)
      .option("--all", "end every session")
      .action(bind(() => import("./sessions/stop.js"))),
    "chaser sessions stop 0d9c4f6e-7a3b-4f0e-9d0a-2f4f1c1f3f11",
    "chaser sessions stop --workspace my-project",
  );
}
