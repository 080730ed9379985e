/** What an engine and its owner say to each other, over a thread's port or a process's channel. */
import type { Progress } from "../api.js";
import type { PlainError } from "../plain-error.js";
import type { Engine, Hooks } from "./engine.js";

type Methods = {
  [
    Name in keyof Engine as Engine[Name] extends (hooks: Hooks, ...rest: never[]) => unknown ? Name : never
  ]: Engine[Name];
};

export type MethodName = Exclude<keyof Methods, "close">;
export type MethodArguments<Name extends MethodName> = Methods[Name] extends (
  hooks: Hooks,
  ...rest: infer Rest
) => unknown
  ? Rest
  : never;
export type MethodResult<Name extends MethodName> = ReturnType<Methods[Name]>;

export interface StartOptions {
  root: string;
  create: boolean;
  capBytes: number | null;
}

export type ToEngine =
  | { kind: "call"; id: number; method: string; args: unknown[] }
  | { kind: "abort"; id: number }
  | { kind: "close" };

export type FromEngine =
  | { kind: "ready" }
  | { kind: "failed"; error: PlainError }
  | { kind: "result"; id: number; value: unknown }
  | { kind: "error"; id: number; error: PlainError }
  | { kind: "progress"; id: number; progress: Progress }
  | { kind: "closed" };
