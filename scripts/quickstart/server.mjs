import { spawn } from "node:child_process";
import { cliFile, StoryError, storyEnvironment } from "./cli.mjs";

const startMsMax = 60_000;
const stopMsMax = 15_000;

/** Starts `chaser serve` on any free port of this machine alone, and waits until it says where it listens. */
export async function startServer(directory, signal) {
  const args = ["serve", "--data", directory.data, "--listen", "127.0.0.1:0", "--network", "none", "--json"];
  const child = spawn(process.execPath, [cliFile, ...args], {
    env: storyEnvironment(directory),
    // Ctrl-C must not end it before the story's own commands have ended.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let errorText = "";
  child.stderr.on("data", (piece) => (errorText += piece));
  // Whatever ends this script, the server does not outlive it.
  const killAtExit = () => child.kill("SIGKILL");
  process.on("exit", killAtExit);

  const stop = async () => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await ended;
    clearTimeout(force);
    process.off("exit", killAtExit);
    if (child.exitCode !== 0)
      throw new StoryError(
        `the server ended with ${child.signalCode ?? `code ${child.exitCode}`}`,
        errorText,
      );
  };
  try {
    const { url } = await firstDocument(child.stdout, { ended, signal, errorText: () => errorText });
    return { url, stop, errors: () => errorText };
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

function firstDocument(stream, { ended, signal, errorText }) {
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (message) => reject(new StoryError(message, errorText().trim() || undefined));
    const timer = setTimeout(() => fail("the server did not start in time"), startMsMax);
    signal.addEventListener("abort", () => fail("interrupted"), { once: true });
    stream.on("data", (piece) => {
      text += piece;
      try {
        resolve(JSON.parse(text));
        clearTimeout(timer);
      } catch {
        // The document is not complete yet.
      }
    });
    void ended.then(() => {
      clearTimeout(timer);
      fail("the server did not start");
    });
  });
}
