import type { CommandEnd, StartedCommand } from "../../client/answers.js";
import type { StreamEvent } from "../../client/events.js";
import { streamError } from "../../client/failure.js";
import { CliError } from "../../errors.js";

/** Something bytes can be written to, that says when it has had enough. */
export interface Sink {
  write(bytes: Buffer): boolean;
  once(event: "drain", then: () => void): unknown;
}

/**
 * Writes a command's output as it arrives and gives how it ended. A stream that stops without an end is code
 * `stream_ended`, because then nobody knows whether the command did its work.
 */
export async function streamCommand(
  events: AsyncIterable<StreamEvent>,
  to: { stdout: Sink; stderr: Sink },
  onStart: (started: StartedCommand) => void = () => {},
): Promise<CommandEnd> {
  for await (const { event, data } of events) {
    if (event === "start") onStart(parse<StartedCommand>(data));
    if (event === "complete") return parse<CommandEnd>(data);
    if (event === "error") throw streamError(data, { url: "the server" });
    if (event === "stdout" || event === "stderr") await write(to[event], parse<{ data: string }>(data).data);
  }
  throw new CliError("stream_ended", "the server ended the stream without saying how the command ended", {
    suggestion: "the server may have stopped; the command may have done part of its work",
  });
}

/** Waits for a slow reader, so that the output piles up at the command and not in this process. */
async function write(sink: Sink, base64: string): Promise<void> {
  if (!sink.write(Buffer.from(base64, "base64"))) await new Promise<void>((then) => sink.once("drain", then));
}

function parse<T>(data: string): T {
  try {
    return JSON.parse(data) as T;
  } catch (error) {
    throw new CliError("bad_answer", "the server sent an event that is not JSON", { cause: error });
  }
}
