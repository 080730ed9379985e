import type {
  Command,
  CommandKind,
  ExecResult,
  InputState,
  InputWrite,
  InputWritten,
  TerminalSize,
} from "../api.js";
import { RuntimeError } from "../errors.js";
import { OutputEnd } from "../exec/output-end.js";
import { drain } from "../exec/output-pipe.js";
import type { RunningExecution } from "../exec/execution.js";
import { COMMAND_TITLE_LENGTH_MAX } from "../limits.js";
import { checkTerminalSize } from "../sandbox/spec.js";
import { CommandInput } from "./input.js";
import type { OutputLog } from "./output-log.js";

/** A command as its session lists it. One that is not in the foreground has its output read here and kept. */
export class SessionCommand implements Command {
  readonly id: string;
  readonly kind: CommandKind;
  readonly title: string;
  readonly startedAtMs: number;
  readonly output: OutputLog | null;
  readonly ended: Promise<void>;
  endedAtMs: number | null = null;
  result: ExecResult | null = null;
  error: RuntimeError | null = null;
  /** Tells whose a process of the session is; see `process-list.ts`. */
  userNamespace: string | null = null;
  readonly #execution: RunningExecution;
  readonly #input: CommandInput;

  constructor(options: {
    kind: CommandKind;
    command: string | string[];
    execution: RunningExecution;
    output: OutputLog | null;
    onOutput?: () => void;
  }) {
    const { execution, command, output } = options;
    this.id = execution.id;
    this.kind = options.kind;
    this.title = (typeof command === "string" ? command : command.join(" ")).slice(
      0,
      COMMAND_TITLE_LENGTH_MAX,
    );
    this.startedAtMs = execution.startedAtMs;
    this.output = output;
    this.#execution = execution;
    this.#input = new CommandInput(execution.stdin);
    this.ended =
      output === null ? this.#follow() : this.#record(output, options.onOutput ?? (() => undefined));
  }

  get state(): Command["state"] {
    if (this.endedAtMs === null) return "running";
    return this.error === null ? "exited" : "failed";
  }

  get pid(): number | null {
    return this.#execution.pid;
  }

  get hostPid(): number | null {
    return this.#execution.hostPid;
  }

  get input(): InputState {
    return this.#input.state;
  }

  kill(signal?: NodeJS.Signals): void {
    this.#execution.kill(signal);
  }

  write(bytes: Uint8Array, options?: InputWrite): Promise<InputWritten> {
    return this.#input.write(bytes, options);
  }

  get terminalSize(): TerminalSize | null {
    return this.#execution.terminalSize;
  }

  resize(size: TerminalSize): void {
    checkTerminalSize(size);
    this.#execution.resize(size);
  }

  async #follow(): Promise<void> {
    try {
      this.result = await this.#execution.completed;
    } catch (error) {
      this.error = asRuntimeError(error);
    }
    this.endedAtMs = Date.now();
  }

  /** The command never waits for a reader: what nobody fetches in time is dropped and counted. */
  async #record(log: OutputLog, onOutput: () => void): Promise<void> {
    const { stdout, stderr } = this.#execution;
    const end = new OutputEnd(this.#execution);
    for (const [name, stream] of [
      ["stdout", stdout],
      ["stderr", stderr],
    ] as const)
      drain(stream, (bytes) => {
        log.append(name, bytes);
        onOutput();
      });
    const completed = this.#execution.completed.catch(() => undefined);
    await completed;
    await end.reached();
    stdout.destroy();
    stderr.destroy();
    await this.#follow();
    log.close();
  }
}

function asRuntimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  return new RuntimeError("sandbox_unavailable", "the command could not be run", {}, { cause: error });
}
