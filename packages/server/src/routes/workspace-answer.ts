import type { Context } from "../context.js";
import type { AccountRow, WorkspaceRow } from "../db/tables.js";
import { workspaceView, type Workspace } from "../schemas/workspace.js";

/** What is said of a workspace, with its size `now` or as last measured. */
export async function workspaceAnswer(
  { sessions, workspaces }: Pick<Context, "sessions" | "workspaces">,
  account: AccountRow,
  row: WorkspaceRow,
  measured: "now" | "last" = "now",
): Promise<Workspace> {
  return workspaceView(row, {
    activeSessionId: sessions.activeOn(row.id)?.id ?? null,
    diskBytes: await workspaces.diskBytes(account, row, measured),
    diskLimitBytes: workspaces.diskLimitBytes,
  });
}
