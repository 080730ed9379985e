/** What a crashed predecessor left. Its processes die with it; this makes sure, and removes the directories. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readRecord, removeSessionDirectory, startTicks } from "./directory.js";

const POLL_MS = 2;
const DEATH_MS_MAX = 5_000;

async function endKeeper(directory: string): Promise<void> {
  const record = readRecord(directory);
  if (record === null) return;
  const alive = (): boolean => startTicks(record.keeperPid) === record.keeperStartTicks;
  const deadline = performance.now() + DEATH_MS_MAX;
  while (alive() && performance.now() < deadline) {
    try {
      process.kill(record.keeperPid, "SIGKILL");
    } catch {
      return;
    }
    await delay(POLL_MS);
  }
}

/** Only for the holder of the run directory's lock: no session in it can belong to anyone else. */
export async function recoverSessions(sessionsDirectory: string): Promise<string[]> {
  const names = readdirSync(sessionsDirectory);
  for (const name of names) {
    const directory = join(sessionsDirectory, name);
    await endKeeper(directory);
    removeSessionDirectory(directory);
  }
  return names;
}
