/** What an engine and its owner say to each other, over a thread's port or a process's channel. */
import type { Progress } from "../api.js";
import type { PlainError } from "../plain-error.js";
import type { Engine } from "./engine.js";
import type { Hooks } from "./hooks.js";

type Part = "directories" | "history" | "bundles" | "streams" | "disks" | "upkeep";

/** What an owner may call: the methods of a part that take hooks, as `part.method`. */
type Calls = {
  [Name in Part]: {
    [
      Method in keyof Engine[Name] & string as Engine[Name][Method] extends (...args: infer Args) => unknown
        ? Args extends [Hooks, ...unknown[]]
          ? `${Name}.${Method}`
          : never
        : never
    ]: Engine[Name][Method];
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
