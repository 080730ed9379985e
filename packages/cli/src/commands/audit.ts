import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { count } from "../option.js";

/** The most events that the server gives in one answer. */
const eventsMax = 100;

export function addAudit(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("audit")
      .description("who did what, newest first")
      .option("--limit <n>", `how many events, at most ${eventsMax}`, count(eventsMax), 20)
      .option("--before <id>", "those before this event")
      .action(bind(() => import("./audit/list.js"))),
    "chaser audit",
    "chaser audit --limit 100 --json",
  );
}
