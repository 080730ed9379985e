/**
 * The owner's end of an engine: hands it one call at a time, gives back results, passes progress on, and turns an
 * `AbortSignal` into a request to stop. How messages travel is the transport's business.
 */
import type { LongCall, PauseHook } from "../api.js";
import { StoreError } from "../errors.js";
import { fromPlain } from "../plain-error.js";
import type { FromEngine, MethodArguments, MethodName, MethodResult, ToEngine } from "./messages.js";

export interface Transport {
  send(message: ToEngine): void;
  /**
   * Whether the engine keeps its owner's program alive: while somebody waits for it, and not when it is idle, because an
   * open store must not keep a program from ending that has nothing else to do.
   */
  keepAlive(isNeeded: boolean): void;
  /** Ends the engine at once, whatever it is doing. */
  terminate(): Promise<void>;
}

interface Call {
  id: number;
  method: MethodName;
  args: unknown[];
  options: LongCall;
  /** Runs when the engine is free for the call, and before it gets it. */
  begin: (() => Promise<void>) | null;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  onAbort: () => void;
}

/** An engine that does not close by itself within this time is ended. It loses nothing that it acknowledged. */
const closeTimeoutMs = 5000;

export class EngineChannel {
  readonly ready: Promise<void>;
  /** Why it ended, whoever ended it. */
  readonly ended: Promise<Error>;
  #transport: Transport | null = null;
  #running: Call | null = null;
  readonly #queue: Call[] = [];
  #nextId = 1;
  #ended: Error | null = null;
  #closing: Promise<void> | null = null;
  #onReady!: () => void;
  #onFailed!: (error: Error) => void;
  #onClosed: () => void = () => undefined;
  #onEnded!: (reason: Error) => void;

  constructor() {
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onFailed = reject;
    });
    // Whoever opens the store awaits it; without this, a failure before that would count as unhandled.
    this.ready.catch(() => undefined);
  }

  connect(transport: Transport): void {
    this.#transport = transport;
  }

  call<Name extends MethodName>(
    method: Name,
    args: MethodArguments<Name>,
    options: LongCall = {},
    begin: Call["begin"] = null,
  ): Promise<MethodResult<Name>> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    if (options.signal?.aborted === true) return Promise.reject(abortedError());
    return new Promise((resolve, reject) => {
      const call: Call = {
        id: this.#nextId++,
        method,
        args,
        options,
        begin,
        resolve: resolve as (value: unknown) => void,
        reject,
        onAbort: () => this.#abort(call),
      };
      options.signal?.addEventListener("abort", call.onAbort, { once: true });
      this.#queue.push(call);
      this.#next();
    });
  }

  /** A call during which something stands still: from when the engine turns to it until it has answered, whatever the answer. */
  async callPaused<Name extends MethodName>(
    pause: PauseHook,
    method: Name,
    args: MethodArguments<Name>,
    options: LongCall = {},
  ): Promise<MethodResult<Name>> {
    let pausing: ReturnType<PauseHook> | null = null;
    const begin = async (): Promise<void> => {
      pausing = (async () => pause())();
      await pausing;
    };
    const resume = async (): Promise<void> => {
      // When the engine ends meanwhile, the call fails before the hook is through.
      const goOn = await pausing?.catch(() => null);
      await goOn?.();
    };
    let result: MethodResult<Name>;
    try {
      result = await this.call(method, args, options, begin);
    } catch (error) {
      // Why it failed says more than that going on failed, too.
      await resume().catch(() => undefined);
      throw error;
    }
    await resume();
    return result;
  }

  receive(message: FromEngine): void {
    switch (message.kind) {
      case "ready":
        this.#onReady();
        this.#transport?.keepAlive(this.#running !== null);
        break;
      case "failed":
        this.end(fromPlain(message.error));
        break;
      case "closed":
        this.#onClosed();
        break;
      case "progress":
        if (this.#running?.id === message.id) this.#running.options.onProgress?.(message.progress);
        break;
      case "result":
        this.#settle(message.id, (call) => call.resolve(message.value));
        break;
      case "error":
        this.#settle(message.id, (call) => call.reject(fromPlain(message.error)));
        break;
    }
  }

  /** The engine is gone, or never came up: everything that waits for it fails. */
  end(error: Error): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#onEnded(error);
    this.#onFailed(error);
    this.#onClosed();
    const waiting = [...(this.#running === null ? [] : [this.#running]), ...this.#queue];
    this.#running = null;
    this.#queue.length = 0;
    for (const call of waiting) {
      call.options.signal?.removeEventListener("abort", call.onAbort);
      call.reject(error);
    }
  }

  /** Idempotent. A running call is stopped, waiting ones fail with code `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const transport = this.#transport as Transport;
    transport.keepAlive(true);
    if (this.#ended === null) {
      if (this.#running !== null) transport.send({ kind: "abort", id: this.#running.id });
      const closed = new Promise<void>((resolve) => (this.#onClosed = resolve));
      const timer = setTimeout(() => this.#onClosed(), closeTimeoutMs);
      transport.send({ kind: "close" });
      await closed;
      clearTimeout(timer);
    }
    this.end(new StoreError("closed", "the store is closed"));
    await transport.terminate();
  }

  #next(): void {
    if (this.#running !== null) return;
    const call = this.#queue.shift();
    if (call === undefined) return;
    this.#running = call;
    this.#transport?.keepAlive(true);
    if (call.begin === null) this.#send(call);
    else
      call.begin().then(
        () => this.#send(call),
        (error: Error) => this.#settle(call.id, () => call.reject(error)),
      );
  }

  #send(call: Call): void {
    // The engine has ended since the call's turn came.
    if (this.#running !== call) return;
    if (call.options.signal?.aborted === true) this.#settle(call.id, () => call.reject(abortedError()));
    else this.#transport?.send({ kind: "call", id: call.id, method: call.method, args: call.args });
  }

  #settle(id: number, settle: (call: Call) => void): void {
    const call = this.#running;
    if (call?.id !== id) return;
    this.#running = null;
    call.options.signal?.removeEventListener("abort", call.onAbort);
    settle(call);
    if (this.#closing === null) this.#transport?.keepAlive(false);
    this.#next();
  }

  #abort(call: Call): void {
    if (this.#running === call) {
      this.#transport?.send({ kind: "abort", id: call.id });
      return;
    }
    const at = this.#queue.indexOf(call);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    call.reject(abortedError());
  }
}

function abortedError(): StoreError {
  return new StoreError("aborted", "stopped by the caller");
}
