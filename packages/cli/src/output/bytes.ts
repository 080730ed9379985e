import { once } from "node:events";

/** Writes pieces to a stream no faster than its reader takes them. Returns how many bytes. */
export async function writeBytes(
  stream: NodeJS.WriteStream,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (!stream.write(piece)) await once(stream, "drain", { signal });
  }
  return bytes;
}
