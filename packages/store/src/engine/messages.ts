/** What an engine and its owner say to each other, over a thread's port or a process's channel. */
import type { Progress } from "../api.js";
import type { PlainError } from "../plain-error.js";
import type { Bundles } from "./bundles.js";
import type { Directories } from "./directories.js";
import type { DiskCalls } from "./disk-calls.js";
import type { History } from "./history.js";
import type { Hooks } from "./hooks.js";
import type { Streams } from "./streams.js";
import type { Upkeep } from "./upkeep.js";

/** What an engine consists of. */
export interface Parts {
  readonly directories: Directories;
  readonly history: History;
  readonly bundles: Bundles;
  readonly streams: Streams;
  readonly disks: DiskCalls;
  readonly upkeep: Upkeep;
}

/** What an owner may call: the methods of a part that take hooks, as `part.method`. */
type Calls = {
  [Name in keyof Parts]: {
    [
      Method in keyof Parts[Name] & string as Parts[Name][Method] extends (...args: infer Args) => unknown
        ? Args extends [Hooks, ...unknown[]]
          ? `${Name}.${Method}`
          : never
        : never
    ]: Parts[Name][Method];
  };
};

type Methods = Calls["directories"] &
  Calls["history"] &
  Calls["bundles"] &
  Calls["streams"] &
  Calls["disks"] &
  Calls["upkeep"];

export type MethodName = keyof Methods;
export type MethodArguments<Name extends MethodName> = Methods[Name] extends (
  hooks: Hooks,
  ...rest: infer Rest
) => unknown
  ? Rest
  : never;
export type MethodResult<Name extends MethodName> = Methods[Name] extends (...args: never[]) => infer Result
  ? Result
  : never;

export interface StartOptions {
  root: string;
  create: boolean;
  capBytes: number | null;
}

export type ToEngine =
  | { kind: "call"; id: number; method: MethodName; args: unknown[] }
  | { kind: "abort"; id: number }
  | { kind: "close" };

export type FromEngine =
  | { kind: "ready" }
  | { kind: "failed"; error: PlainError }
  | { kind: "result"; id: number; value: unknown }
  | { kind: "error"; id: number; error: PlainError }
  | { kind: "progress"; id: number; progress: Progress }
  | { kind: "closed" };
