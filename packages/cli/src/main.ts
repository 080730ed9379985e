#!/usr/bin/env node
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { exitCode } from "./exit.js";
import { outputFailure, showError } from "./failure.js";
import { isJson, runCli } from "./run.js";

const args = process.argv.slice(2);

for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // `chaser ... | head`: whoever reads has seen enough, which is no fault worth a word.
    if (error.code === "EPIPE") process.exit(exitCode.brokenPipe);
    const shown = outputFailure(error);
    if (stream === process.stdout) showError(process.stderr, shown, isJson(args));
    process.exit(shown.exitCode);
  });

const code = await runCli(process, args);
// What could not be written is said an event later.
await setImmediate();
// An open stdin or a lingering socket must not keep a finished command alive.
process.exit(code);
