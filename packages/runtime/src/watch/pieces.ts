/** Work of unknown length on the main thread, in pieces. All of it together takes a share of the thread's time, whoever it is done for. */
import { setTimeout as delay } from "node:timers/promises";

/** What waits for the thread waits no longer. */
const PIECE_MS = 5;
/** So many times what a piece took nothing is done. */
const REST_FACTOR = 4;

let previous: Promise<void> = Promise.resolve();
let spentMs = 0;

/** Those who ask at once get their pieces in turn. Rejects as `visit` throws. */
export async function inPieces<Item>(items: Iterable<Item>, visit: (item: Item) => void): Promise<void> {
  const left = items[Symbol.iterator]();
  for (;;) {
    const piece = previous.then(() => onePiece(left, visit));
    previous = piece.then(rest, rest);
    if (await piece) return;
  }
}

/** Whether nothing is left. */
function onePiece<Item>(left: Iterator<Item>, visit: (item: Item) => void): boolean {
  const startedAtMs = performance.now();
  try {
    while (performance.now() - startedAtMs < PIECE_MS) {
      const next = left.next();
      if (next.done === true) return true;
      visit(next.value);
    }
    return false;
  } finally {
    spentMs += performance.now() - startedAtMs;
  }
}

async function rest(): Promise<void> {
  if (spentMs < PIECE_MS) return;
  const restMs = spentMs * REST_FACTOR;
  spentMs = 0;
  await delay(restMs);
}
