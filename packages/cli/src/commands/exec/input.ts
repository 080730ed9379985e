import { fstatSync } from "node:fs";
import { addAbortSignal, PassThrough, pipeline, type Readable } from "node:stream";
import type { Context } from "../../context.js";

/** Read ahead of what the command has taken, and sent at once: a fast reader gets large pieces, a slow one is not overrun. */
const pieceBytesMax = 1024 * 1024;

const stdinDescriptor = 0;

/** Standard input, or undefined when it is a terminal, a device or closed. */
export function inputOf({ stdin }: Context): Readable | undefined {
  if (stdin.isTTY) return undefined;
  try {
    return fstatSync(stdinDescriptor).isCharacterDevice() ? undefined : stdin;
  } catch {
    // Closed by whoever started us.
    return undefined;
  }
}

export interface PieceOfInput {
  bytes: Buffer;
  /** Of its first byte, counted from the start of the input. */
  offset: number;
  /** Nothing comes after it. */
  end: boolean;
}

/**
 * Hands `input` on as it comes. `send` answers with how many bytes have been received in all; what a command did not take is
 * sent again. Stops without a word when `signal` aborts.
 */
export async function passInput(
  input: Readable,
  send: (piece: PieceOfInput) => Promise<number>,
  signal: AbortSignal,
): Promise<void> {
  const ahead = new PassThrough({ highWaterMark: pieceBytesMax });
  pipeline(input, addAbortSignal(signal, ahead), () => undefined);
  let offset = 0;
  try {
    for await (const piece of ahead) {
      for (let rest = piece as Buffer; rest.length > 0;) {
        const received = await send({ bytes: rest, offset, end: false });
        rest = rest.subarray(received - offset);
        offset = received;
      }
    }
    await send({ bytes: Buffer.alloc(0), offset, end: true });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
