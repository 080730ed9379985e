import { Argument, type Command } from "commander";
import { addExamples, type Bind } from "../command.js";

export function addCompletion(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("completion")
      .description("print a completion script for your shell")
      .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
      .action(bind(() => import("./completion/script.js"))),
    "source <(chaser completion bash)",
    "chaser completion zsh > ~/.zfunc/_chaser",
    "chaser completion fish > ~/.config/fish/completions/chaser.fish",
  );
  // The scripts ask this for candidates. After -- come the words before the cursor, the unfinished one last.
  program
    .command("__complete", { hidden: true })
    .action(bind(() => import("./completion/complete.js").then(({ completing }) => completing(program))));
}
