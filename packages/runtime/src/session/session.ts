import type { Socket } from "node:net";
import type {
  Command,
  CommandKind,
  ExecSpec,
  Execution,
  NetworkMode,
  SelfTestCheck,
  Session,
  SessionProcess,
  SessionSpec,
  TerminalSize,
  TerminalSpec,
} from "../api.js";
import { SessionCommand } from "../command/command.js";
import { OutputLog } from "../command/output-log.js";
import { CommandRegistry } from "../command/registry.js";
import { egressEnvironment } from "../egress/egress.js";
import { RuntimeError } from "../errors.js";
import { Forwarder } from "../forward/forwarder.js";
import { RunningExecution } from "../exec/execution.js";
import type { Image } from "../image/image.js";
import {
  COMMAND_LOG_BYTES_MAX,
  LIMIT_NAMES,
  SESSION_END_MS_MAX,
  TERMINAL_LOG_BYTES_MAX,
  type AppliedLimits,
  type LimitName,
} from "../limits.js";
import { requireProgram } from "../platform/programs.js";
import { enterArguments, execArguments, execCommand } from "../sandbox/arguments.js";
import { ENVIRONMENT_OF_ROOT, sandboxEnvironment } from "../sandbox/environment.js";
import type { RootEntry } from "../sandbox/host-root.js";
import { HOSTNAME_DEFAULT, ROOT_IDS, SANDBOX_IDS, SANDBOX_WORKSPACE } from "../sandbox/identity.js";
import { appliedLimits, resourceLimits, type ResourceLimit } from "../sandbox/limits.js";
import type { StateLayout } from "../sandbox/mounts.js";
import { checkExec, checkTerminalSize } from "../sandbox/spec.js";
import { hostsPath, removeSessionDirectory } from "./directory.js";
import { isOwnPath } from "./image-root.js";
import type { Keeper } from "./keeper.js";
import type { NetworkStack } from "./network.js";
import { SessionPause } from "./pause.js";
import { listProcesses, namespaceOfCommand } from "./process-list.js";
import { procAsSeen, signalAll, untilStopped, type ProcessesTarget } from "./processes.js";
import { selfTest } from "./self-test.js";
import { setUpSession, type SessionParts, type SessionSetting } from "./set-up.js";
import { SessionWatch, type LimitCounts } from "../watch/session-watch.js";

const PAUSE_POLL_MS = 1;

export class SandboxSession implements Session {
  readonly id: string;
  readonly startedAtMs = Date.now();
  readonly network: NetworkMode;
  readonly limits: AppliedLimits;
  readonly ended: Promise<void>;
  readonly #spec: SessionSpec;
  readonly #setting: SessionSetting;
  readonly #layout: StateLayout;
  readonly #keeper: Keeper;
  readonly #stack: NetworkStack | null;
  readonly #forwarder: Forwarder;
  /** What commands find at the root: of the host, or of the image. */
  readonly #root: readonly RootEntry[];
  readonly #resourceLimits: readonly ResourceLimit[];
  readonly #pidNamespace: string;
  readonly watch: SessionWatch;
  readonly #groupCounts: LimitCounts = {};
  readonly #executions = new Set<RunningExecution>();
  readonly #commands = new CommandRegistry();
  #alive = true;
  readonly #pause = new SessionPause({ stop: () => this.#stopProcesses(), goOn: () => this.#goOn() });

  private constructor(
    spec: SessionSpec,
    setting: SessionSetting,
    { layout, keeper, pidNamespace, stack, root }: SessionParts,
  ) {
    this.id = spec.id;
    this.network = setting.network;
    this.limits = appliedLimits(setting.limits, setting.group?.controllers);
    this.#spec = spec;
    this.#setting = setting;
    this.#layout = layout;
    this.#keeper = keeper;
    this.#stack = stack;
    this.#forwarder = new Forwarder(setting.network === "host" ? null : { ...keeper, user: setting.user });
    this.#root = root;
    this.#resourceLimits = resourceLimits(setting.limits, setting.group?.controllers);
    this.#pidNamespace = pidNamespace;
    const inside = `/proc/${String(keeper.keeperPid)}/root`;
    this.watch = new SessionWatch({
      limits: this.limits,
      proc: `${inside}${layout.proc}`,
      tmp: `${inside}${layout.state}`,
      pidNamespace,
    });
    this.ended = keeper.exited.then(() => this.#clean());
  }

  static async start(spec: SessionSpec, setting: SessionSetting): Promise<SandboxSession> {
    return new SandboxSession(spec, setting, await setUpSession(spec, setting));
  }

  async exec(spec: ExecSpec): Promise<Execution> {
    const execution = await this.#launch(spec, { terminal: null, held: false });
    this.#add("foreground", spec, execution, null);
    return execution;
  }

  start(spec: ExecSpec): Promise<Command> {
    return this.#startUnattended(
      "background",
      spec,
      null,
      new OutputLog(Math.min(spec.maxOutputBytes ?? COMMAND_LOG_BYTES_MAX, COMMAND_LOG_BYTES_MAX)),
    );
  }

  async openTerminal(spec: TerminalSpec): Promise<Command> {
    checkTerminalSize(spec.size);
    return this.#startUnattended("terminal", spec, spec.size, new OutputLog(TERMINAL_LOG_BYTES_MAX));
  }

  commands(): Command[] {
    return this.#commands.list();
  }

  command(id: string): Command | undefined {
    return this.#commands.get(id);
  }

  processes(): SessionProcess[] {
    this.#assertAlive();
    const target = { proc: procAsSeen(this.#processes), keeper: this.#keeperProcess };
    return listProcesses(target, this.#commands.list());
  }

  unlinkedBytes(): Promise<number> {
    this.#assertAlive();
    return this.watch.unlinkedBytes();
  }

  async connect(port: number): Promise<Socket> {
    this.#assertAlive();
    return this.#forwarder.connect(port);
  }

  selfTest(): Promise<SelfTestCheck[]> {
    this.#assertAlive();
    return selfTest(this);
  }

  #add(
    kind: CommandKind,
    { command }: ExecSpec,
    execution: RunningExecution,
    output: OutputLog | null,
  ): SessionCommand {
    const onOutput = (): void => {
      this.#commands.trimLogs();
    };
    const added = new SessionCommand({ kind, command, execution, output, onOutput });
    this.#commands.add(added);
    return added;
  }

  async #startUnattended(
    kind: CommandKind,
    spec: ExecSpec,
    terminal: TerminalSize | null,
    output: OutputLog,
  ): Promise<SessionCommand> {
    this.#commands.assertRoom();
    const execution = await this.#launch(spec, { terminal, held: true });
    const command = this.#add(kind, spec, execution, output);
    await execution.release(() => {
      // Read once, so that it stays known.
      void execution.pid;
      const { hostPid } = execution;
      if (hostPid !== null) command.userNamespace = namespaceOfCommand(this.#keeperProcess, hostPid);
    });
    return command;
  }

  async #launch(
    spec: ExecSpec,
    { terminal, held }: { terminal: TerminalSize | null; held: boolean },
  ): Promise<RunningExecution> {
    this.#assertAlive();
    const image = spec.root === "host" ? undefined : this.#spec.image?.image;
    const way = this.#spec.egress === undefined ? {} : egressEnvironment();
    const isRoot = spec.user === "root";
    if (isRoot && image === undefined)
      throw new RuntimeError("invalid_argument", "only a session with an image has a root user");
    const own = isRoot ? ENVIRONMENT_OF_ROOT : undefined;
    const environment = sandboxEnvironment(image?.environment, own, way, this.#spec.env, spec.env);
    const argv = checkExec(spec, environment);
    // Without a turn of the loop when none is on: a pause that begins then must find the command among those that start.
    while (this.#pause.isOn) await this.#pause.resumed;
    this.#assertAlive();
    const { directory, etc, seccomp, user, network } = this.#setting;
    const { keeperPid, initPid } = this.#keeper;
    const before = this.#limitCounts();
    const execution = new RunningExecution({
      nsenter: requireProgram("nsenter"),
      bwrap: requireProgram("bwrap"),
      enter: enterArguments({ keeperPid, initPid, network, user }),
      sandbox: execArguments({
        root: image === undefined ? this.#setting.root : this.#root,
        layout: this.#layout,
        etc: image === undefined ? etc : null,
        hosts:
          image !== undefined || (this.#spec.hostname ?? HOSTNAME_DEFAULT) === HOSTNAME_DEFAULT
            ? null
            : hostsPath(directory),
        environment,
        cwd: spec.cwd ?? defaultDirectory(image),
        ids: isRoot ? ROOT_IDS : SANDBOX_IDS,
        terminal: terminal !== null,
        held,
      }),
      argv: execCommand(argv, terminal !== null),
      seccomp: isRoot ? seccomp.root : seccomp.ordinary,
      user,
      limits: this.#resourceLimits,
      group: this.#setting.group,
      limitsHit: (failed) => {
        // What it ran into may still be there to be seen.
        if (failed && this.#alive) this.watch.look(false);
        return moreThan(before, this.#limitCounts());
      },
      pidNamespace: this.#pidNamespace,
      timeoutMs: spec.timeoutMs,
      maxOutputBytes: spec.maxOutputBytes,
      terminal,
      held,
      sessionAlive: () => this.#alive,
    });
    this.#executions.add(execution);
    void execution.reaped.then(() => this.#executions.delete(execution));
    return execution;
  }

  async pause(): Promise<void> {
    this.#assertAlive();
    await this.#pause.begin();
  }

  resume(): Promise<void> {
    return this.#pause.end();
  }

  async end(): Promise<void> {
    this.#stop();
    const force = setTimeout(() => {
      this.#keeper.kill();
      for (const execution of this.#executions) execution.killWatcher();
    }, SESSION_END_MS_MAX);
    await this.ended;
    clearTimeout(force);
  }

  limitsHit(): LimitName[] {
    return moreThan({}, this.#limitCounts());
  }

  /** The last figures stay when the session has ended. */
  #limitCounts(): LimitCounts {
    Object.assign(this.#groupCounts, this.#setting.group?.hits());
    return { ...this.watch.counts, ...this.#groupCounts };
  }

  get #processes(): ProcessesTarget {
    const { keeperPid, initPid } = this.#keeper;
    return { keeperPid, initPid, network: this.network, user: this.#setting.user, proc: this.#layout.proc };
  }

  get #keeperProcess(): string {
    return `/proc/${String(this.#keeper.keeperPid)}`;
  }

  #assertAlive(): void {
    if (!this.#alive)
      throw new RuntimeError("session_ended", `session ${this.id} has ended`, { id: this.id });
  }

  async #stopProcesses(): Promise<void> {
    // A command that is still being set up would otherwise begin to run after the stop.
    while ([...this.#executions].some((execution) => !execution.started)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_POLL_MS));
    }
    this.#assertAlive();
    await signalAll(this.#processes, "STOP");
    await untilStopped(this.#processes);
  }

  async #goOn(): Promise<void> {
    try {
      if (this.#alive) await signalAll(this.#processes, "CONT");
    } catch (error) {
      if (this.#alive) throw error;
    }
  }

  #stop(): void {
    this.#alive = false;
    this.#pause.lift();
    // Before its processes end, whose end would look as if they had said all.
    void this.#forwarder.close();
    this.#keeper.release();
    this.#setting.group?.kill();
    this.#stack?.stop();
  }

  /** The last process out of the keeper's mount namespace takes the mounts along. */
  async #clean(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#executions].map((execution) => execution.reaped));
    await this.#stack?.exited;
    await this.#forwarder.close();
    this.#limitCounts();
    await this.#setting.group?.remove();
    removeSessionDirectory(this.#setting.directory);
  }
}

/** The image's own, unless it lies in what the runtime puts over the image. */
function defaultDirectory(image: Image | undefined): string {
  const wanted = image?.workingDirectory ?? SANDBOX_WORKSPACE;
  return isOwnPath(wanted) ? SANDBOX_WORKSPACE : wanted;
}

function moreThan(before: LimitCounts, now: LimitCounts): LimitName[] {
  return LIMIT_NAMES.filter((name) => (now[name] ?? 0) > (before[name] ?? 0));
}
