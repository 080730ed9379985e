/** Connections from this process to ports inside a session. */
import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../errors.js";
import { FORWARD_CONNECTIONS_MAX, FORWARD_DIALER_IDLE_MS } from "../limits.js";
import { collectText } from "../platform/spawn.js";
import { spawnInNetwork, type NetworkTarget } from "../session/network-process.js";
import { dial } from "./dial.js";

/** What the dialer is asked for, and what it says of it; a socket comes with its answer. */
export interface Wanted {
  id: number;
  port: number;
}
export interface Dialed {
  id: number;
  error?: string;
}

interface Waiting {
  resolve: (socket: Socket) => void;
  reject: (error: Error) => void;
}

const DIALER = fileURLToPath(new URL("dialer-process.js", import.meta.url));
const PORT_MAX = 65_535;

/**
 * A socket belongs to the namespace in which it was opened, whoever holds it. So a process that is in the session's network, and
 * in nothing else of the session, opens them; it starts with the first connection and goes when there was none for a while.
 */
export class Forwarder {
  readonly #target: NetworkTarget | null;
  readonly #open = new Set<Socket>();
  readonly #waiting = new Map<number, Waiting>();
  #dialer: ChildProcess | null = null;
  #dialerEnded: Promise<void> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  #connecting = 0;
  #closed = false;

  /** Without a target the session shares the network of this process. */
  constructor(target: NetworkTarget | null) {
    this.#target = target;
  }

  /** Codes `invalid_argument`, `port_closed`, `too_many_connections`, `session_ended`, `network_unavailable`. */
  async connect(port: number): Promise<Socket> {
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
      throw new RuntimeError("invalid_argument", `${String(port)} is not a port`);
    this.#assertOpen();
    if (this.#open.size + this.#connecting >= FORWARD_CONNECTIONS_MAX)
      throw new RuntimeError(
        "too_many_connections",
        `the session has ${String(FORWARD_CONNECTIONS_MAX)} connections from outside already`,
      );
    this.#connecting += 1;
    clearTimeout(this.#idle);
    try {
      const socket = await (this.#target === null ? dial(port) : this.#dialInside(port, this.#target));
      return this.#keep(socket);
    } catch (error) {
      this.#assertOpen();
      if (error instanceof RuntimeError) throw error;
      const reason = (error as Error).message;
      throw new RuntimeError("port_closed", `port ${String(port)} takes no connection: ${reason}`, { port });
    } finally {
      this.#connecting -= 1;
      this.#restIfUnused();
    }
  }

  /** Cuts every connection. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    for (const socket of this.#open) socket.destroy();
    this.#dialer?.kill("SIGKILL");
    await this.#dialerEnded;
  }

  #assertOpen(): void {
    if (this.#closed) throw new RuntimeError("session_ended", "the session has ended");
  }

  #keep(socket: Socket): Socket {
    // Whoever uses it sees it close.
    socket.on("error", () => undefined);
    socket.allowHalfOpen = true;
    if (this.#closed) {
      socket.destroy();
      this.#assertOpen();
    }
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#restIfUnused();
    });
    return socket;
  }

  #restIfUnused(): void {
    if (this.#dialer === null || this.#open.size + this.#connecting > 0 || this.#closed) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#dialer?.kill("SIGKILL"), FORWARD_DIALER_IDLE_MS).unref();
  }

  #dialInside(port: number, target: NetworkTarget): Promise<Socket> {
    const id = ++this.#lastId;
    this.#dialer ??= this.#start(target);
    const dialer = this.#dialer;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      // When it cannot be sent, the dialer is ending, which rejects all that wait.
      dialer.send({ id, port } satisfies Wanted, () => undefined);
    });
  }

  #start(target: NetworkTarget): ChildProcess {
    const user = target.user === null ? [] : [String(target.user.uid), String(target.user.gid)];
    const dialer = spawnInNetwork(target, DIALER, user);
    const stderr = collectText(dialer.stderr);
    dialer.on("message", ({ id, error }: Dialed, handle) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (handle instanceof Socket) waiting?.resolve(handle);
      else waiting?.reject(new Error(error ?? "the connection was closed at once"));
    });
    this.#dialerEnded = new Promise((resolve) => {
      const ended = (): void => {
        if (this.#dialer === dialer) this.#dialer = null;
        for (const [id, { reject }] of this.#waiting) {
          this.#waiting.delete(id);
          reject(new RuntimeError("network_unavailable", `ports inside cannot be reached: ${stderr()}`));
        }
        resolve();
      };
      dialer.once("error", ended);
      dialer.once("close", ended);
    });
    return dialer;
  }
}
