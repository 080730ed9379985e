import { closeSync } from "node:fs";
import { openIdMap } from "../platform/idmapped-mount.js";
import type { HostUser } from "../sandbox/spec.js";

/** The maps that this runtime's sessions have needed: one for each account. */
export class IdMaps {
  readonly #maps = new Map<string, Promise<number>>();

  /** A descriptor that stays this object's. */
  get(from: HostUser, to: HostUser): Promise<number> {
    const key = [from.uid, from.gid, to.uid, to.gid].join();
    const known = this.#maps.get(key);
    if (known !== undefined) return known;
    const opening = openIdMap(from, to);
    this.#maps.set(key, opening);
    opening.catch(() => this.#maps.delete(key));
    return opening;
  }

  async close(): Promise<void> {
    for (const opened of await Promise.allSettled(this.#maps.values())) {
      if (opened.status === "fulfilled") closeSync(opened.value);
    }
    this.#maps.clear();
  }
}
