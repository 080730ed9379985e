import { setTimeout as delay } from "node:timers/promises";
import type { ApiClient } from "../../client/api.js";
import { apiPath } from "../../client/address.js";
import type { CommandRecord } from "../../client/answers.js";
import type { StreamEvent } from "../../client/events.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { streamCommand, type Sink } from "../exec/stream.js";

/** A connection that breaks off is made again from where it was, so often in a row and after so long. */
const retriesMax = 5;
const retryAfterMs = 1000;

export async function run(context: Context, options: { follow?: boolean }, id: string): Promise<number> {
  const api = await context.api();
  const command = await api.call<CommandRecord>("GET", apiPath`/v1/commands/${id}`);
  const signal = context.interrupt();
  const path = apiPath`/v1/sessions/${command.session_id}/commands/${command.id}/stream`;
  if (command.output_bytes === null)
    throw new CliError("no_output_kept", `the output of command ${id} goes to whoever started it`);
  const end = options.follow === true || command.status !== "running" ? null : command.output_bytes;
  const events = noted(context, upTo(end, resumed(api, path, signal)));
  const shown = await streamCommand(events, context.json ? nowhere : context).catch((error: unknown) => {
    // Without --follow the end of what there is comes before the command's.
    if (end !== null && error instanceof CliError && error.code === "stream_ended") return null;
    throw error;
  });
  return options.follow === true ? (shown?.exit_code ?? exitCode.ok) : exitCode.ok;
}

async function* resumed(api: ApiClient, path: string, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  let lastId = "";
  for (let failures = 0; ;) {
    try {
      const headers = lastId === "" ? {} : { "last-event-id": lastId };
      for await (const event of api.stream("GET", path, { headers, signal })) {
        failures = 0;
        lastId = event.id;
        yield event;
        if (event.event === "complete" || event.event === "error") return;
      }
    } catch (error) {
      const broken =
        error instanceof CliError && (error.code === "stream_ended" || error.code === "no_server");
      if (!broken || failures >= retriesMax) throw error;
    }
    if (failures >= retriesMax) return;
    failures += 1;
    await delay(retryAfterMs, undefined, { signal });
  }
}

/** Ends once so much of the output has come; null: at the end. */
async function* upTo(bytes: number | null, events: AsyncGenerator<StreamEvent>): AsyncGenerator<StreamEvent> {
  for await (const event of events) {
    yield event;
    if (bytes !== null && Number(event.id) >= bytes) return;
  }
}

/** Where the output goes when the events are printed themselves. */
const nothing: Sink = { write: () => true, once: () => undefined };
const nowhere = { stdout: nothing, stderr: nothing };

/** With --json each event is a line; without, what is missing of the output is said. */
async function* noted(context: Context, events: AsyncGenerator<StreamEvent>): AsyncGenerator<StreamEvent> {
  for await (const event of events) {
    if (context.json) context.stdout.write(JSON.stringify(jsonLine(event)) + "\n");
    else if (event.event === "dropped")
      context.note(`(${(JSON.parse(event.data) as { bytes: number }).bytes} bytes are no longer kept)`);
    yield event;
  }
}

function jsonLine({ event, data }: StreamEvent): unknown {
  return { event, ...(JSON.parse(data) as object) };
}
