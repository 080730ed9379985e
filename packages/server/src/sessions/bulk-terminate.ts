import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import type { Workspaces } from "../workspaces/workspaces.js";
import type { Sessions } from "./sessions.js";

export interface Termination {
  /** A session's id, or a workspace's name or id, as it was asked for. */
  asked: string;
  sessionId: string | null;
  status: "ended" | "not_active" | "not_found" | "failed";
}

/** Ends sessions by their ids, those of workspaces, or all of the account. One that fails does not keep the others. */
export async function bulkTerminate(
  on: { sessions: Sessions; workspaces: Workspaces },
  account: AccountRow,
  wanted: { ids?: string[] | undefined; workspaces?: string[] | undefined; all?: boolean | undefined },
): Promise<Termination[]> {
  const ids = wanted.all === true ? on.sessions.activeIds(account) : (wanted.ids ?? []);
  const names = wanted.workspaces ?? [];
  if (ids.length === 0 && names.length === 0 && wanted.all !== true)
    throw new ServerError("invalid_request", "ids: give ids, workspaces or all: true", {
      details: { path: "ids" },
    });
  return Promise.all([
    ...ids.map((id) => settle(id, () => stop(on.sessions, account, id, id))),
    ...names.map((name) =>
      settle(name, async () => {
        const workspace = await on.workspaces.get(account, name);
        const session = on.sessions.activeOn(workspace.id);
        if (session === undefined) return { asked: name, sessionId: null, status: "not_active" };
        return stop(on.sessions, account, name, session.id);
      }),
    ),
  ]);
}

async function stop(
  sessions: Sessions,
  account: AccountRow,
  asked: string,
  id: string,
): Promise<Termination> {
  const wasActive = (await sessions.get(account, id)).ended_at === null;
  await sessions.stop(account, id);
  return { asked, sessionId: id, status: wasActive ? "ended" : "not_active" };
}

async function settle(asked: string, work: () => Promise<Termination>): Promise<Termination> {
  try {
    return await work();
  } catch (error) {
    const missing = error instanceof ServerError && error.code === "not_found";
    return { asked, sessionId: null, status: missing ? "not_found" : "failed" };
  }
}
