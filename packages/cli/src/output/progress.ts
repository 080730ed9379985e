import type { Progress } from "@chaser/store";
import { formatBytes, formatCount } from "./units.js";

/** Work that ends sooner than this shows no bar: flicker helps nobody. */
const appearsAfterMs = 300;
const barWidth = 24;
const clearLine = "\r\u001b[K";

const phaseNames: Record<Progress["phase"], string> = {
  scan: "scanning",
  write: "storing",
  restore: "restoring",
  check: "checking",
  collect: "collecting",
};

export interface ProgressBar {
  update(progress: Progress): void;
  /** Takes the bar off the screen. Idempotent. */
  end(): void;
}

/** A bar on `stream` when that is a terminal, nothing otherwise. */
export function openProgressBar(stream: NodeJS.WriteStream, now: () => number = Date.now): ProgressBar {
  if (!stream.isTTY) return { update: () => {}, end: () => {} };
  const startedMs = now();
  let visible = false;
  let ended = false;
  return {
    update(progress) {
      if (ended || now() - startedMs < appearsAfterMs) return;
      visible = true;
      stream.write(clearLine + formatProgress(progress).slice(0, Math.max(0, stream.columns - 1)));
    },
    end() {
      if (visible && !ended) stream.write(clearLine);
      ended = true;
    },
  };
}

/** The bar's text: a bar where the total is known, counts otherwise. */
export function formatProgress(progress: Progress): string {
  const share = doneShare(progress);
  const counts = `${formatCount(progress.files)} files  ${formatBytes(progress.bytes)}`;
  const phase = phaseNames[progress.phase].padEnd(10);
  if (share === null) return `${phase}  ${counts}`;
  const filled = Math.round(share * barWidth);
  const bar = "#".repeat(filled) + "-".repeat(barWidth - filled);
  return `${phase}  [${bar}] ${Math.floor(share * 100)
    .toString()
    .padStart(3)} %  ${counts}`;
}

function doneShare(progress: Progress): number | null {
  if (progress.totalBytes !== undefined && progress.totalBytes > 0)
    return Math.min(1, progress.bytes / progress.totalBytes);
  if (progress.totalFiles !== undefined && progress.totalFiles > 0)
    return Math.min(1, progress.files / progress.totalFiles);
  return null;
}
