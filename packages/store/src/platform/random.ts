/** Random numbers. What makes them is loaded with the first, because that takes as long as much of the store, and few calls need any. */

/** From 0 to below `end`, which no attacker can foretell. */
export function randomBelow(end: number): number {
  return process.getBuiltinModule("node:crypto").randomInt(end);
}
