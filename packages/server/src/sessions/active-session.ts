import { chmod, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import path from "node:path";
import type { DiskAttachment, DiskMount } from "@chaser/store";
import type {
  Command,
  EgressRule,
  ExecSpec,
  Execution,
  LimitName,
  SelfTestCheck,
  Session,
  SessionProcess,
  TerminalSize,
} from "@chaser/runtime";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";

export interface CommandSpec {
  /** A string runs in `/bin/sh -c`. */
  command: string | string[];
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** Of sessions with an image; see the runtime. */
  user?: "root" | undefined;
  root?: "host" | undefined;
  timeoutMs?: number | undefined;
  maxOutputBytes?: number | undefined;
}

interface SizeWish {
  columns?: number | undefined;
  rows?: number | undefined;
}

export const terminalSizeDefault: TerminalSize = { columns: 80, rows: 24 };

/** A running sandbox with the disk it holds, and who uses it at the moment. */
export class ActiveSession {
  readonly id: string;
  readonly account: AccountRow;
  /** Null for an ephemeral session, whose disk goes when it ends. */
  readonly workspaceId: string | null;
  readonly diskId: string;
  /** Of what it has as its root; null for this machine's programs. */
  readonly imageDigest: string | null;
  /** What was asked for when it started. */
  readonly egress: EgressRule[] | undefined;
  ttlMs: number;
  lastUsedMs = Date.now();
  /** Set while the session ends, and afterwards. */
  ending: Promise<void> | undefined;
  /** Why the server ended it with whatever ran in it, when what was written crossed a cap. */
  stoppedBy: ServerError | undefined;
  /** What went otherwise than whoever uses it will expect. */
  readonly warnings: string[] = [];
  readonly #sandbox: Session;
  readonly #attachment: DiskAttachment;
  #users = 0;
  /** One for each pause; they may overlap. */
  readonly #pauses = new Set<Promise<void>>();
  readonly #starting = new Set<Promise<unknown>>();

  constructor(options: {
    account: AccountRow;
    workspaceId: string | null;
    sandbox: Session;
    attachment: DiskAttachment;
    imageDigest: string | null;
    ttlMs: number;
    egress?: EgressRule[] | undefined;
  }) {
    this.id = options.sandbox.id;
    this.account = options.account;
    this.workspaceId = options.workspaceId;
    this.diskId = options.attachment.diskId;
    this.imageDigest = options.imageDigest;
    this.ttlMs = options.ttlMs;
    this.egress = options.egress;
    this.#sandbox = options.sandbox;
    this.#attachment = options.attachment;
  }

  /** Resolves when the sandbox is gone, by whatever cause. */
  get ended(): Promise<void> {
    return this.#sandbox.ended;
  }

  /** Names of the limits of the whole session that were reached so far. */
  get limitsHit(): LimitName[] {
    return this.#sandbox.limitsHit();
  }

  isIdle(nowMs: number): boolean {
    return this.#users === 0 && nowMs - this.lastUsedMs >= this.ttlMs;
  }

  /** Keeps the session from being ended as idle until the returned function is called. */
  use(): () => void {
    this.#users += 1;
    this.lastUsedMs = Date.now();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#users -= 1;
      this.lastUsedMs = Date.now();
    };
  }

  /** Throws `stoppedBy` once the session has ended, where there is one. */
  async assertNotStopped(): Promise<void> {
    if (this.stoppedBy === undefined) return;
    await this.ending;
    throw this.stoppedBy;
  }

  /** Starts a command whose output and end the caller takes care of. */
  start(spec: CommandSpec): Promise<Execution> {
    return this.#begin(() => this.#sandbox.exec(execSpec(spec)));
  }

  /** Starts a command that runs on by itself. The session is in use until it ends. */
  async startInBackground(spec: CommandSpec): Promise<Command> {
    const release = this.use();
    try {
      const command = await this.#begin(() => this.#sandbox.start(execSpec(spec)));
      void command.ended.then(release);
      return command;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Opens a terminal. The session is in use only while someone is attached to it. */
  openTerminal(spec: CommandSpec, { columns, rows }: SizeWish = {}): Promise<Command> {
    const size = { columns: columns ?? terminalSizeDefault.columns, rows: rows ?? terminalSizeDefault.rows };
    const env = { TERM: "xterm-256color", ...spec.env };
    return this.#begin(() => this.#sandbox.openTerminal({ ...execSpec({ ...spec, env }), size }));
  }

  /** Connects to a port inside. The session is in use only as long as the caller says. Codes as the runtime's. */
  connect(port: number): Promise<Socket> {
    return this.#begin(() => this.#sandbox.connect(port));
  }

  commands(): Command[] {
    return this.#sandbox.commands();
  }

  findCommand(id: string): Command | undefined {
    return this.#sandbox.command(id);
  }

  /** Code `not_found`. */
  command(id: string): Command {
    const command = this.findCommand(id);
    if (command === undefined)
      throw new ServerError("not_found", `no command ${id} in session ${this.id}`, {
        suggestion: "one in the foreground is forgotten with its end, others when many have ended since",
      });
    return command;
  }

  processes(): SessionProcess[] {
    return this.#sandbox.processes();
  }

  /** What its processes hold on the disk that has no name any more. 0 once it has ended. */
  async unlinkedBytes(): Promise<number> {
    return this.ending === undefined ? this.#sandbox.unlinkedBytes() : 0;
  }

  selfTest(): Promise<SelfTestCheck[]> {
    return this.#begin(() => this.#sandbox.selfTest());
  }

  /** Waits while the session is paused, so that nothing starts to write in the middle of a snapshot. */
  async #begin<Started>(start: () => Promise<Started>): Promise<Started> {
    while (this.#pauses.size > 0) await Promise.all(this.#pauses);
    const starting = start();
    this.#starting.add(starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Makes every process of the session stand still, and returns what lets them go on. When it fails, they go on, too. */
  async pause(): Promise<() => Promise<void>> {
    let open = (): void => {};
    const paused = new Promise<void>((resolve) => (open = resolve));
    const end = (): void => {
      this.#pauses.delete(paused);
      open();
    };
    this.#pauses.add(paused);
    try {
      await Promise.allSettled(this.#starting);
      await this.#sandbox.pause();
    } catch (error) {
      end();
      throw error;
    }
    return async () => {
      try {
        await this.#sandbox.resume();
      } finally {
        end();
      }
    };
  }

  /** Runs `work` while every process of the session stands still. They go on afterwards, whatever happens. */
  async whilePaused<Result>(work: () => Promise<Result>): Promise<Result> {
    const resume = await this.pause();
    try {
      return await work();
    } finally {
      await resume();
    }
  }

  /** Ends the sandbox with everything in it and gives the disk back. */
  async shutDown(): Promise<void> {
    try {
      await this.#sandbox.end();
      await removeMountRemains(this.#attachment.mount);
    } finally {
      await this.#attachment.detach();
    }
  }
}

function execSpec(spec: CommandSpec): ExecSpec {
  const { command, cwd, env, user, root, timeoutMs, maxOutputBytes } = spec;
  return {
    command,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(user === undefined ? {} : { user }),
    ...(root === undefined ? {} : { root }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
  };
}

/**
 * Overlay mounts, of the disk and of changes to an image, leave directories behind that nobody may open, their owner included, so
 * that an ordinary user's `du` of the account's directory would complain about them. Root can read them, and does not touch
 * what accounts own.
 */
async function removeMountRemains(mount: DiskMount): Promise<void> {
  if (mount.driver !== "overlay" || process.getuid?.() === 0) return;
  for (const remains of [path.join(mount.work, "work"), path.join(mount.work, "changes", "work")]) {
    await chmod(remains, 0o700).catch(() => {});
    await rm(remains, { recursive: true, force: true });
  }
}
