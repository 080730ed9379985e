/** Brings up the way out of a session that may reach some hosts only. */
import { lookup } from "node:dns/promises";
import type { Server } from "node:net";
import { networkInterfaces } from "node:os";
import { RuntimeError } from "../errors.js";
import { NETWORK_START_MS_MAX } from "../limits.js";
import { collectText } from "../platform/spawn.js";
import { hostAddresses } from "../sandbox/network.js";
import { spawnInNetwork, type NetworkTarget } from "../session/network-process.js";
import type { NetworkStack } from "../session/network.js";
import { LISTENER_PROCESS, serve } from "./listener.js";
import { egressProxy, judgeByRules } from "./proxy.js";
import { closedAddresses, type EgressRule } from "./rules.js";

/** In the session's own loopback, where nothing else listens when it starts. */
export const EGRESS_PORT = 3128;

/** Where tools look for their proxy. Not all of them: what ignores these reaches nothing. */
export function egressEnvironment(): Record<string, string> {
  const proxy = `http://127.0.0.1:${String(EGRESS_PORT)}`;
  const none = "localhost,127.0.0.1,::1";
  return {
    ...{ http_proxy: proxy, https_proxy: proxy, no_proxy: none },
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: none, NODE_USE_ENV_PROXY: "1" },
  };
}

function openListener(target: NetworkTarget): Promise<Server> {
  const child = spawnInNetwork(target, LISTENER_PROCESS, [`127.0.0.1:${String(EGRESS_PORT)}`]);
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
  const judge = judgeByRules({
    rules,
    lookup: async (host) => (await lookup(host, { family: 4 })).address,
    isClosed: closedAddresses(hostAddresses(networkInterfaces())),
  });
  const proxy = egressProxy({ judge });
  // Each connection is the proxy's from the start; the listener only accepts.
  const served = serve(listener, (socket) => proxy.emit("connection", socket));
  return { exited: served.closed, stop: () => served.stop() };
}
