/**
 * The network that an image is fetched in: a loopback with a proxy of this process on it, which judges where each connection leads. So
 * neither a redirect, nor a token service, nor a name that resolves to a private address, is a way into the server's network.
 */
import type { ChildProcess } from "node:child_process";
import { lookup } from "node:dns/promises";
import type { Server, Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { LISTENER_PROCESS, serve, type OpenedListener, type Served } from "../egress/listener.js";
import { egressProxy, join, opened, type Target } from "../egress/proxy.js";
import { closedAddresses } from "../egress/rules.js";
import { hostAddresses } from "../sandbox/network.js";
import { judgeRegistry, loopbackTargets } from "./reach.js";

const PROXY_HOST = "127.0.0.1";
const PROXY_PORT_FIRST = 3128;

/** For error messages: a registry that sends its client in circles is refused as often. */
const REFUSALS_MAX = 3;

/** `$1` to `$3`: what opens the listeners; the rest is the program, which has no way to this process but through them. */
const SCRIPT = `"$1" "$2" "$3" && shift 3 && exec "$@" 3>&-`;

function freeAddress(taken: ReadonlyMap<string, Target>): string {
  for (let port = PROXY_PORT_FIRST; ; port++) {
    const address = `${PROXY_HOST}:${String(port)}`;
    if (!taken.has(address)) return address;
  }
}

export class RegistryNetwork {
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #proxyAddress: string;
  readonly #proxy: ReturnType<typeof egressProxy>;
  readonly #served: Served[] = [];
  readonly #refusals = new Set<string>();
  #closed = false;

  /** Registries that the operator has named, wherever they are. */
  constructor(registries: readonly string[]) {
    this.#targets = loopbackTargets(registries);
    this.#proxyAddress = freeAddress(this.#targets);
    const judge = judgeRegistry({
      registries,
      lookup: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
      isClosed: closedAddresses(hostAddresses(networkInterfaces(), ["IPv4", "IPv6"])),
    });
    this.#proxy = egressProxy({ judge, onRefusal: (message) => this.#refused(message) });
  }

  get environment(): Record<string, string> {
    const proxy = `http://${this.#proxyAddress}`;
    return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  }

  /** To be run in a network without anything, with a channel as descriptor 3. */
  command(program: readonly string[]): string[] {
    const addresses = [this.#proxyAddress, ...this.#targets.keys()].join(",");
    return ["/bin/sh", "-c", SCRIPT, "fetch", process.execPath, LISTENER_PROCESS, addresses, ...program];
  }

  /** Takes the listeners over from the command that was started. */
  attach(child: ChildProcess): void {
    child.on("message", ({ address }: OpenedListener, handle) => {
      const listener = handle as Server;
      if (this.#closed) listener.close();
      else this.#served.push(serve(listener, (socket) => this.#connected(address, socket)));
    });
  }

  /** Where the command was not let to, and what did not answer. */
  get refusals(): readonly string[] {
    return [...this.#refusals];
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    for (const served of this.#served) served.stop();
  }

  #connected(address: string, socket: Socket): void {
    const target = this.#targets.get(address);
    if (target === undefined) this.#proxy.emit("connection", socket);
    else void this.#relay(target, socket);
  }

  async #relay(target: Target, socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    try {
      join(socket, await opened(target));
    } catch (error) {
      this.#refused((error as Error).message);
      socket.destroy();
    }
  }

  #refused(message: string): void {
    if (this.#refusals.size < REFUSALS_MAX) this.#refusals.add(message);
  }
}
