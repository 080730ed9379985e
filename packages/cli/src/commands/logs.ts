import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addLogs(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("logs")
      .description("show what a command in the background has printed, as far as it is kept")
      .argument("<command>", "id, as `chaser exec --background` printed it")
      .option("-f, --follow", "go on until the command ends, and end with its exit code")
      .action(bind(() => import("./logs/logs.js"))),
    "chaser logs 0d9c4f6e-7a3b-4f0e-9d0a-2f4f1c1f3f11",
    'id=$(chaser exec my-project -d -- npm test); chaser logs -f "$id"',
  );
}
