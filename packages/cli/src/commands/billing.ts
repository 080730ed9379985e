import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addBilling(program: Command, bind: Bind): void {
  const group = program.command("billing").description("what the account uses and may use");
  addExamples(
    group
      .command("summary")
      .description("storage by kind, limits, and usage of the last day and month")
      .action(bind(() => import("./billing/summary.js"))),
    "chaser billing summary",
    "chaser billing summary --json | jq .storage.used_bytes",
  );
}
