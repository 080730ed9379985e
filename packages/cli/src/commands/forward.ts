import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addForward(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("forward")
      .description("reach a port inside a workspace's sandbox at a port of this machine, until Ctrl-C")
      .argument("<workspace>", "name or id")
      .argument("<port>", "what listens there, on the loopback inside; any protocol over TCP")
      .argument("[local]", "port of 127.0.0.1 here, 0 for any free one (default: the same)")
      .action(bind(() => import("./forward/forward.js"))),
    "chaser forward my-project 3000",
    "chaser forward my-project 5432 15432",
  );
}
