import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addCp(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("cp")
      .summary("copy files and directories into and out of a workspace")
      .description(
        "copy files and directories into and out of a workspace\n\nOne side is workspace:path, from /workspace on when not absolute; the other a local path, or - for stdin or stdout.\n" +
          "Directories are copied whole, with modes, times and links. A copy that is interrupted leaves what was there.",
      )
      .argument("<source>", "workspace:path, a local path, or -")
      .argument("<target>", "workspace:path, a local path, or -")
      .action(bind(() => import("./cp/cp.js"))),
    "chaser cp my-project:dist ./dist",
    "chaser cp ./src my-project:src",
    "chaser cp my-project:/home/chaser/.profile - | less",
  );
}
