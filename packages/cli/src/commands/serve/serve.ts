import { resolve } from "node:path";
import { readFileSync } from "node:fs";
import { saveServedKey } from "../../client/credentials.js";
import { defaultServerUrl, normalServerUrl } from "../../client/address.js";
import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatProperties } from "../../output/table.js";
import { version } from "../../version.js";
import { dataDirectory } from "./data-directory.js";
import { serveError } from "./failure.js";

interface Options {
  data?: string;
  listen: string;
  network: "none" | "nat" | "host";
  insecureRegistry?: string[];
  privateRegistry?: string[];
  imageDirectory?: string[];
  imageAuth?: string;
  log?: boolean;
  egress?: string[];
  importHost?: string[];
  importCa?: string;
}

/** Runs until Ctrl-C or SIGTERM, then closes the server; that was asked for, so the exit code is 0. */
export async function run(context: Context, options: Options): Promise<number> {
  const interrupted = context.interrupt();
  const directory = dataDirectory(options.data, context.env, process.getuid?.() === 0);
  const givenKey = context.env["CHASER_API_KEY"] || undefined;
  const { startServer } = await import("@chaser/server");
  const server = await startServer({
    dataDirectory: directory,
    listen: options.listen,
    network: options.network,
    ...(options.egress === undefined ? {} : { egress: options.egress.map(egressRule) }),
    images: {
      insecureRegistries: options.insecureRegistry ?? [],
      privateRegistries: options.privateRegistry ?? [],
      localDirectories: (options.imageDirectory ?? []).map((path) => resolve(path)),
      ...(options.imageAuth === undefined ? {} : { authFile: resolve(options.imageAuth) }),
    },
    imports: {
      ...(options.importHost === undefined ? {} : { hosts: options.importHost }),
      ...(options.importCa === undefined
        ? {}
        : { extraCertificates: readFileSync(options.importCa, "utf8") }),
    },
    ...(givenKey === undefined ? {} : { apiKey: givenKey }),
    log: { write: (line: string) => void (shows(line, options) && context.stderr.write(line)) },
  }).catch((error: unknown) => {
    throw serveError(error, { listen: options.listen, directory });
  });
  try {
    announce(context, {
      url: server.url,
      directory,
      network: options.network,
      givenKey,
      newKey: server.apiKey,
    });
    await new Promise<void>((stop) => {
      if (interrupted.aborted) stop();
      interrupted.addEventListener("abort", () => stop(), { once: true });
    });
    if (!context.json) context.note("stopping; Ctrl-C again stops at once");
  } finally {
    await server.close();
  }
  return exitCode.ok;
}

/** `HOST` or `HOST:PORT`. What it names is judged by the server. */
export function egressRule(text: string): { host: string; port: number } {
  const [, host = text, port = "443"] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}

const networkTexts: Record<Options["network"], string> = {
  none: "sandboxes reach none (--network nat lets them reach the internet)",
  nat: "sandboxes reach the internet, but nothing on this machine",
  host: "sandboxes reach all that this machine reaches",
};

interface Started {
  url: string;
  directory: string;
  network: Options["network"];
  /** From CHASER_API_KEY. Whoever set it has it, so it is neither saved nor shown. */
  givenKey: string | undefined;
  newKey: string | undefined;
}

function announce(context: Context, { url, directory, network, givenKey, newKey }: Started): void {
  const { credentialsFile } = context.server();
  const clientUrl = reachableUrl(url);
  const saved =
    givenKey === undefined && trySave(context, { path: credentialsFile, url: clientUrl, directory, newKey });
  const shownKey = givenKey === undefined ? newKey : undefined;
  if (context.json) {
    context.printJson({
      url: clientUrl,
      data_directory: directory,
      ...(shownKey === undefined ? {} : { api_key: shownKey }),
      ...(saved ? { credentials_file: credentialsFile } : {}),
    });
    return;
  }
  context.print(
    `chaser ${version}\n` +
      formatProperties([
        ["address", clientUrl],
        ["data", directory],
        ["network", networkTexts[network]],
        ["API key", shownKey],
        ["", shownKey === undefined ? null : "shown this once"],
        ["key saved in", saved ? credentialsFile : null],
      ]) +
      "\nCtrl-C stops the server. In another terminal:\n" +
      (clientUrl === defaultServerUrl ? "" : `  export CHASER_API_URL=${printable(clientUrl)}\n`) +
      "  chaser workspaces create --name my-project\n" +
      "  chaser exec my-project -- echo hello",
  );
  if (givenKey === undefined && !saved && newKey === undefined)
    context.note(
      "note: no key of this data directory is saved here; set CHASER_API_KEY and start again to make it work as a key",
    );
}

/** A server whose key cannot be saved still serves; the key is on the screen. */
function trySave(
  context: Context,
  served: { path: string; url: string; directory: string; newKey: string | undefined },
): boolean {
  try {
    return saveServedKey(served.path, {
      url: served.url,
      dataDirectory: served.directory,
      apiKey: served.newKey,
    });
  } catch (error) {
    context.note(`warning: the key could not be saved: ${(error as Error).message}`);
    return false;
  }
}

/** "All addresses" is nothing one can connect to; the loopback address is one of them. */
function reachableUrl(url: string): string {
  return normalServerUrl(url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:"));
}

function shows(line: string, options: Options): boolean {
  return options.log === true || line.includes('"level":"error"');
}
