/** The owner's end of what goes to and from an engine in pieces. */
import type { LongCall, SnapshotInfo } from "../api.js";
import type { EngineChannel } from "./channel.js";
import type { ImportCall } from "./bundles.js";
import type { StreamHandle } from "./streams.js";

async function* pieces(
  channel: EngineChannel,
  stream: StreamHandle,
  options: LongCall,
): AsyncGenerator<unknown> {
  let ended = false;
  try {
    for (;;) {
      const next = await channel.call("streams.next", [stream], options);
      ended = next === null;
      if (next === null) return;
      yield next.piece;
    }
  } finally {
    // Also when the reader stops before the end. When the engine is gone, so is the stream.
    if (!ended) await channel.call("streams.close", [stream]).catch(() => undefined);
  }
}

/** Of a stream that is open already: closed also when the reader leaves before the first item, when a generator's `finally` does not run. */
export function itemStream<Item>(
  channel: EngineChannel,
  stream: StreamHandle,
  options: LongCall,
): AsyncIterableIterator<Item> {
  const items = itemsOf<Item>(channel, stream, options);
  return {
    next: () => items.next(),
    return: async () => {
      await channel.call("streams.close", [stream]).catch(() => undefined);
      return items.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* itemsOf<Item>(
  channel: EngineChannel,
  stream: StreamHandle,
  options: LongCall,
): AsyncGenerator<Item> {
  for await (const group of pieces(channel, stream, options)) yield* group as Item[];
}

/** Opens the stream when its first piece is asked for. */
export async function* byteStream(
  channel: EngineChannel,
  open: () => Promise<StreamHandle>,
  options: LongCall,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces(channel, await open(), options)) {
    const { buffer, byteOffset, length } = piece as Uint8Array;
    yield Buffer.from(buffer, byteOffset, length);
  }
}

/** A piece is copied on its way to the engine; larger ones are cut, so that the memory stays bounded. */
const pieceBytesMax = 1024 * 1024;

export async function importStream(
  channel: EngineChannel,
  bundle: AsyncIterable<Uint8Array>,
  call: ImportCall,
  options: LongCall,
): Promise<SnapshotInfo[]> {
  const handle = await channel.call("bundles.beginImport", [call], options);
  try {
    for await (const bytes of bundle) {
      for (let at = 0; at < bytes.length; at += pieceBytesMax) {
        // A copy of its own: a message carries the whole memory that a view is part of.
        const piece = new Uint8Array(bytes.subarray(at, at + pieceBytesMax));
        await channel.call("bundles.importPiece", [handle, piece], options);
      }
    }
    return await channel.call("bundles.finishImport", [handle], options);
  } catch (error) {
    await channel.call("bundles.abandonImport", [handle]).catch(() => undefined);
    throw error;
  }
}
