import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addDoctor(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("doctor")
      .description("what this machine can do, and the fix for what it cannot")
      .action(bind(() => import("./doctor/doctor.js"))),
    "chaser doctor",
  );
}
