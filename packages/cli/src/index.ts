export { runCli } from "./run.js";
export { CliError, type CliErrorCode } from "./errors.js";
export { exitCode } from "./exit.js";
