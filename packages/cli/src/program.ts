import { Command } from "commander";
import { addAccounts } from "./commands/accounts.js";
import { addAudit } from "./commands/audit.js";
import { addBilling } from "./commands/billing.js";
import { addCompletion } from "./commands/completion.js";
import { addCp } from "./commands/cp.js";
import { addDoctor } from "./commands/doctor.js";
import { addExec } from "./commands/exec.js";
import { addForward } from "./commands/forward.js";
import { addKeys } from "./commands/keys.js";
import { addLogs } from "./commands/logs.js";
import { addServe } from "./commands/serve.js";
import { addSessions } from "./commands/sessions.js";
import { addShell } from "./commands/shell.js";
import { addStore } from "./commands/store.js";
import { addWorkspaces } from "./commands/workspaces.js";
import type { Bind } from "./command.js";
import { version } from "./version.js";

const description = "Persistent workspaces with snapshots and clones, and the sandboxes that run on them.";

const environment = `
Environment:
  CHASER_API_URL   the server (default http://127.0.0.1:7420)
  CHASER_API_KEY   the key for it (default: the one that \`chaser serve\` saved)
  CHASER_STORE     the store directory of \`chaser store\`
  NO_COLOR         no colour, even on a terminal

Exit codes:
  0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 over quota, 6 no server or no permission.
  \`chaser exec\` ends with the exit code of its command.

Start here:
  $ chaser serve                                   in one terminal
  $ chaser workspaces create --name my-project     in another
  $ chaser exec my-project -- echo hello`;

/** The whole command line. Only names, options and help: what a command does is loaded when it runs. */
export function createProgram(bind: Bind): Command {
  const program = new Command("chaser")
    .description(description)
    .version(version, "-V, --version", "print the version")
    .option("--json", "print one JSON document and nothing else")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show help for a command")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", environment);
  addServe(program, bind);
  addDoctor(program, bind);
  addWorkspaces(program, bind);
  addExec(program, bind);
  addShell(program, bind);
  addForward(program, bind);
  addLogs(program, bind);
  addCp(program, bind);
  addSessions(program, bind);
  addKeys(program, bind);
  addAccounts(program, bind);
  addBilling(program, bind);
  addAudit(program, bind);
  addStore(program, bind);
  addCompletion(program, bind);
  return program;
}
