/**
 * How many of a stack's topmost layers to merge. Only topmost ones can be: a layer names the one below it. A merge costs
 * the entries of what it merges and takes away all of these layers but one, so the run is chosen whose entries per layer
 * taken away are fewest. A large layer is therefore merged again only when layers have piled up above it that are worth
 * it: with at most `k` layers in a stack, an entry is merged about `n` times while the disk makes `k ** n / n!` layers.
 */

/** A merge takes at least this share of the longest allowed stack, so that few operations have to wait for one. */
const runShareMin = 1 / 8;

/**
 * `entriesOf` counts the entries of a layer, 0 for the topmost, its root included; it may stop counting at `stopAt`.
 * Returns how many layers to merge, at least 2. `layers` is at least 2.
 */
export function runToMerge(
  layers: number,
  layersMax: number,
  entriesOf: (layer: number, stopAt: number) => number,
): number {
  const takenMin = Math.max(1, Math.floor(layersMax * runShareMin));
  const runMin = Math.min(layers, Math.max(0, layers - layersMax) + takenMin + 1);
  let run = runMin;
  let price = Infinity;
  let entries = 0;
  for (let layer = 0; layer < layers; layer++) {
    // Beyond this many entries, not even the whole stack would be cheaper.
    const worthwhile = price * (layers - 1);
    entries += entriesOf(layer, worthwhile - entries + 1);
    if (entries > worthwhile) break;
    const taken = layer;
    if (taken + 1 < runMin || entries / taken > price) continue;
    price = entries / taken;
    run = taken + 1;
  }
  return run;
}
