/** A compression thread: takes queued slots, compresses, digests, and sleeps when there are none. */
import { workerData } from "node:worker_threads";
import { compressSlot } from "./compress-slot.js";
import { Slots, type SlotMemory } from "./slots.js";

const slots = new Slots(workerData as SlotMemory);

for (;;) {
  const seen = slots.queuedCount();
  let worked = false;
  for (let slot = 0; slot < slots.count; slot++) {
    if (!slots.take(slot)) continue;
    compressSlot(slots, slot);
    worked = true;
  }
  if (!worked) slots.awaitQueued(seen);
}
