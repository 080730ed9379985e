/**
 * Verifications that no test misses when they are taken away, because another one stands behind them. Each with the reason.
 * What no test makes, a test is to make.
 */
export const unseen: ReadonlyMap<string, string> = new Map([
  [
    'pack/reader.js: throw new StoreError("corrupt", `pack ${expected} is cut short`)',
    "a pack without room for a trailer has no trailer; this one says what is wrong with it",
  ],
]);
