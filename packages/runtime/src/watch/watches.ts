/** Looks after all sessions of a runtime: often enough, and at next to no cost while nothing happens. */
import { readFileSync } from "node:fs";
import { WATCH_LOOK_MS, WATCH_LOST_BYTES, WATCH_THOROUGH_MS, WATCH_TICK_MS } from "../limits.js";
import type { SessionWatch } from "./session-watch.js";

/** Memory that the machine can still give, from `/proc/meminfo`. */
export function availableBytes(meminfo: string): number {
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024;
}

/** Null when this process has no descriptor left to ask with. */
function readAvailableBytes(): number | null {
  try {
    return availableBytes(readFileSync("/proc/meminfo", "latin1"));
  } catch {
    return null;
  }
}

export class Watches {
  readonly #watches = new Set<SessionWatch>();
  #timer: NodeJS.Timeout | undefined;
  /** The most since the last thorough look. */
  #availableBytes = 0;
  #lookedAtMs = 0;
  #lookedThoroughlyAtMs = 0;

  add(watch: SessionWatch): void {
    this.#watches.add(watch);
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, WATCH_TICK_MS).unref();
  }

  delete(watch: SessionWatch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** What no process shows to be its own (files in memory) is looked for when memory went somewhere, and now and then. */
  #tick(): void {
    const available = readAvailableBytes() ?? this.#availableBytes;
    this.#availableBytes = Math.max(this.#availableBytes, available);
    const now = performance.now();
    const hasLost = this.#availableBytes - available >= WATCH_LOST_BYTES;
    const thorough = hasLost || now - this.#lookedThoroughlyAtMs >= WATCH_THOROUGH_MS;
    if (!thorough && now - this.#lookedAtMs < WATCH_LOOK_MS) return;
    this.#lookedAtMs = now;
    if (thorough) {
      this.#availableBytes = available;
      this.#lookedThoroughlyAtMs = now;
    }
    for (const watch of this.#watches) watch.look(thorough);
  }
}
