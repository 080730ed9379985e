import type { Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { collect, secondsToMs } from "../option.js";

export function addExec(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("exec")
      .summary("run a command in a workspace's sandbox")
      .description(
        "run a command in a workspace's sandbox; ends with the command's own exit code\n\n" +
          "Ctrl-C goes to the command; pressed again, it ends the command at once. " +
          "One word after -- is a line for /bin/sh -c; several are a program and its arguments, passed on as they are.",
      )
      .usage("[options] [workspace] -- <command...>")
      .argument(
        "[workspace]",
        "name or id (default: the default workspace, else a disk that is gone afterwards)",
      )
      .option("--ephemeral", "use a fresh disk that is gone afterwards")
      .option("--image <ref>", "root filesystem, with --ephemeral")
      .option("--cwd <directory>", "where to run it (default: /workspace)")
      .option("--env <K=V>", "set a variable; K alone passes yours on; may be repeated", collect)
      .option("--root", "be root inside, where the workspace has an image: package managers need it")
      .option("--timeout <seconds>", "end it after this time, with exit code 124", secondsToMs)
      .option("-d, --background", "print the command's id and leave it running; see `chaser logs`")
      .option("-t, --tty", "give it a terminal: yours")
      .option("--no-stdin", "give it no input, even when stdin is not a terminal")
      .action(bind(() => import("./exec/exec.js"))),
    "chaser exec my-project -- npm test",
    "chaser exec my-project -- 'ls -l | wc -l'",
    "chaser exec --ephemeral --timeout 5 -- python3 -c 'print(6 * 7)'",
    "chaser exec my-project -d -- npm start",
    "chaser exec my-image --root -- apt-get install -y make",
    "chaser exec my-project -t -- vim notes.txt",
    "echo hello | chaser exec my-project -- 'cat > greeting.txt'",
  );
}
