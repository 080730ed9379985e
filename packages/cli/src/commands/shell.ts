import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addShell(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("shell")
      .description("open a terminal in a workspace's sandbox; ends with the shell's exit code")
      .argument(
        "[workspace]",
        "name or id (default: the default workspace, else a disk that is gone afterwards)",
      )
      .option("-c, --command <line>", "run this instead of a shell")
      .option("--cwd <directory>", "where to start (default: /workspace)")
      .option("--root", "be root inside, where the workspace has an image")
      .action(bind(() => import("./shell/run.js"))),
    "chaser shell my-project",
    "chaser shell my-project -c 'python3'",
  );
}
