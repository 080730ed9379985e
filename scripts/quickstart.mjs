/* global AbortController */
// Shows what Chaser does: starts a server of its own, runs a workspace's whole life through the real command line, checks
// every result independently, and leaves nothing behind. Only Node's own modules are used.
//
//     node scripts/quickstart.mjs
import { existsSync } from "node:fs";
import { cliFile } from "./quickstart/cli.mjs";
import { openPrivateDirectory } from "./quickstart/private-directory.mjs";
import { createReport } from "./quickstart/report.mjs";
import { startServer } from "./quickstart/server.mjs";
import { summary, tellStory } from "./quickstart/story.mjs";

const interrupt = new AbortController();
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
for (const name of Object.keys(exitCodes)) process.on(name, () => interrupt.abort(name));

const report = createReport(process.stdout);
process.exitCode = await main();

async function main() {
  if (!existsSync(cliFile)) {
    report.fail("the command line is not built", "run: npm run setup");
    return 1;
  }
  const startedMs = Date.now();
  report.title("Chaser quickstart: a server of its own, and the whole life of a workspace on it");
  const directory = openPrivateDirectory();
  let server;
  let failure;
  let cleaningFailure;
  try {
    server = await report.step("Start a server on a private data directory", async (say) => {
      const started = await startServer(directory, interrupt.signal);
      say("$ chaser serve");
      say(`it listens on ${started.url} and keeps everything in ${directory.data}`);
      return started;
    });
    await tellStory({ server, directory, report, signal: interrupt.signal });
  } catch (error) {
    failure = error;
  }
  try {
    if (failure === undefined)
      await report.step("Stop the server and remove everything", () => clean(server, directory));
    else await clean(server, directory);
  } catch (error) {
    cleaningFailure = error;
  }
  if (cleaningFailure !== undefined)
    report.fail(`cleaning up ${directory.root}: ${cleaningFailure.message}`, cleaningFailure.hint);
  if (interrupt.signal.aborted) {
    if (cleaningFailure === undefined)
      report.fail("interrupted; the server has been stopped and its files removed");
    return exitCodes[interrupt.signal.reason];
  }
  if (failure !== undefined) {
    report.fail(failure.message, failure.hint);
    return 1;
  }
  if (cleaningFailure !== undefined) return 1;
  report.end(Date.now() - startedMs, summary);
  return 0;
}

async function clean(server, directory) {
  try {
    await server?.stop();
  } finally {
    directory.remove();
  }
}
