#!/usr/bin/env node
import process from "node:process";
import { exitCode } from "./exit.js";
import { runCli } from "./run.js";

// `chaser ... | head`: whoever reads has seen enough, which is no fault worth a word.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitCode.brokenPipe : exitCode.failure);
  });

const code = await runCli(process, process.argv.slice(2));
// An open stdin or a lingering socket must not keep a finished command alive.
process.exit(code);
