/** Brings up the way out of a session that may reach some hosts only. */
import { lookup } from "node:dns/promises";
import type { Server } from "node:net";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../errors.js";
import { NETWORK_START_MS_MAX } from "../limits.js";
import { collectText } from "../platform/spawn.js";
import { hostAddresses } from "../sandbox/network.js";
import { spawnInNetwork, type NetworkTarget } from "../session/network-process.js";
import type { NetworkStack } from "../session/network.js";
import { egressProxy } from "./proxy.js";
import { closedAddresses, type EgressRule } from "./rules.js";

/** In the session's own loopback, where nothing else listens when it starts. */
export const EGRESS_PORT = 3128;

const LISTENER = fileURLToPath(new URL("listener-process.js", import.meta.url));

/** Where tools look for their proxy. Not all of them: what ignores these reaches nothing. */
export function egressEnvironment(): Record<string, string> {
  const proxy = `http://127.0.0.1:${String(EGRESS_PORT)}`;
  const none = "localhost,127.0.0.1,::1";
  return {
    ...{ http_proxy: proxy, https_proxy: proxy, no_proxy: none },
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: none, NODE_USE_ENV_PROXY: "1" },
  };
}

/** A socket belongs to the namespace in which it was opened, whoever holds it. */
function openListener(target: NetworkTarget): Promise<Server> {
  const child = spawnInNetwork(target, LISTENER, [String(EGRESS_PORT)]);
  const stderr = collectText(child.stderr);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), NETWORK_START_MS_MAX);
    child.once("message", (_message, handle) => {
      clearTimeout(timer);
      resolve(handle as Server);
    });
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(timer);
      reject(new RuntimeError("network_unavailable", `the way out could not be opened: ${stderr()}`));
    });
  });
}

/** The session's loopback has to be up. */
export async function startEgress(
  target: NetworkTarget,
  rules: readonly EgressRule[],
): Promise<NetworkStack> {
  const listener = await openListener(target);
  const proxy = egressProxy({
    rules,
    lookup: async (host) => (await lookup(host, { family: 4 })).address,
    isClosed: closedAddresses(hostAddresses(networkInterfaces())),
  });
  // Each connection is the proxy's from the start; the listener only accepts.
  listener.on("connection", (socket) => proxy.emit("connection", socket));
  const sockets = new Set<{ destroy(): unknown }>();
  listener.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const exited = new Promise<void>((resolve) => listener.once("close", () => resolve()));
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { exited, stop };
}
