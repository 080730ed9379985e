import type { Session } from "../../client/answers.js";
import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { formatProperties } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context, _options: object, id: string): Promise<void> {
  const api = await context.api();
  context.show(await api.call<Session>("GET", apiPath`/v1/sessions/${id}`), describe);
}

function describe(session: Session): string {
  return formatProperties([
    ["id", session.id],
    ["status", session.status],
    ["workspace", session.workspace_id ?? "(ephemeral)"],
    ["started", formatTime(session.created_at)],
    ["last used", formatTime(session.last_used_at)],
    ["ends", session.expires_at === null ? null : formatTime(session.expires_at)],
    ["ended", session.ended_at === null ? null : formatTime(session.ended_at)],
    ["reason", session.end_reason],
    ["limits reached", session.limits_hit?.join(", ") || null],
    ...limitsOf(session),
  ]);
}

/** Sizes as they are: a limit is compared with what a program says. */
function limitsOf({ limits = {} }: Session): [name: string, value: string][] {
  return Object.entries(limits).map(([name, { value, mechanism }]) => [name, `${value} (${mechanism})`]);
}
