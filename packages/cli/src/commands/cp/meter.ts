import type { Context } from "../../context.js";
import { formatBytes } from "../../output/units.js";

const appearsAfterMs = 300;
const redrawnAfterMs = 100;
const clearLine = "\r\u001b[K";

interface Meter {
  /** Passes the bytes on and shows how many there were, on a terminal. */
  (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  bytes(): number;
}

export function meter(context: Context, verb: string, totalBytes: number | null): Meter {
  const { stderr } = context;
  const startedMs = Date.now();
  let bytes = 0;
  let drawnMs = 0;
  const count = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        bytes += chunk.length;
        const now = Date.now();
        if (stderr.isTTY && now - startedMs > appearsAfterMs && now - drawnMs > redrawnAfterMs) {
          drawnMs = now;
          stderr.write(`${clearLine}${verb} ${formatBytes(bytes)}${share(bytes, totalBytes)}`);
        }
        yield chunk;
      }
    } finally {
      if (drawnMs > 0) stderr.write(clearLine);
    }
  };
  return Object.assign(count, { bytes: () => bytes });
}

function share(bytes: number, totalBytes: number | null): string {
  if (totalBytes === null || totalBytes === 0) return "";
  return ` of ${formatBytes(totalBytes)}, ${Math.floor((bytes / totalBytes) * 100)} %`;
}
