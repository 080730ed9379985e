import { StoreError, type StoreErrorCode } from "../src/errors.js";

/** For `assert.throws` and `assert.rejects`: a `StoreError` with this code, and a message that matches. */
export function withCode(code: StoreErrorCode, message = /./): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof StoreError && error.code === code && message.test(error.message)) return true;
    throw error;
  };
}

/** What `run` throws must be a `StoreError` with one of the codes; true when it threw at all. */
export function failsWith(codes: readonly StoreErrorCode[], run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof StoreError && codes.includes(error.code)) return true;
    throw error;
  }
}
