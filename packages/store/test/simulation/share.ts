/** How much of the simulation runs: `npm test` does a bounded share, `npm run test:deep N` that many times as much. */
export const depth = Math.max(1, Number(process.env["CHASER_DEEP"] ?? 1));

/** Up to `count` of the values, drawn with the generator; all of them, in order, where there are no more. */
export function drawn<Value>(
  values: readonly Value[],
  count: number,
  below: (end: number) => number,
): Value[] {
  if (values.length <= count) return [...values];
  const rest = [...values];
  return Array.from({ length: count }, () => rest.splice(below(rest.length), 1)[0] as Value);
}
