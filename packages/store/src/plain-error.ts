/** Errors in a form that every channel between threads and processes can carry. */
import { StoreError, type StoreErrorCode } from "./errors.js";

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
