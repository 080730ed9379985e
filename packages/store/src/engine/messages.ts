/** What an engine and its owner say to each other, over a thread's port or a process's channel. */
import type { Progress } from "../api.js";
import { StoreError, type StoreErrorCode } from "../errors.js";
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

/** An error in a form that every channel can carry. */
export interface PlainError {
  code: StoreErrorCode | null;
  message: string;
  stack: string | undefined;
  data: Record<string, unknown>;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof StoreError) {
    return { code: error.code, message: error.message, stack: error.stack, data: { ...error.data } };
  }
  const other = error instanceof Error ? error : new Error(String(error));
  return { code: null, message: other.message, stack: other.stack, data: {} };
}

/** An error without a code is a bug of ours, not a condition that a caller could meet: it keeps its own message and stack. */
export function fromPlain(plain: PlainError): Error {
  if (plain.code !== null) return new StoreError(plain.code, plain.message, { data: plain.data });
  const error = new Error(plain.message);
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}
