import type { Command } from "commander";
import type { Bind } from "../command.js";

export function addAccounts(program: Command, bind: Bind): void {
  program
    .command("accounts")
    .description("the accounts that the key may use")
    .command("list")
    .alias("ls")
    .description("list the accounts")
    .action(bind(() => import("./accounts/list.js")));
}
