import type { WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";

/** Errors about a workspace in use, each with the exact commands that lead on. */
export function cloneRefused(workspace: WorkspaceRow, sessionId: string): ServerError {
  const name = shellWord(workspace.name ?? workspace.id);
  const copy = shellWord(`${workspace.name ?? workspace.id}@for-clone`);
  return refused(
    workspace,
    sessionId,
    "cannot be cloned",
    `clone a snapshot of it: \`chaser workspaces snapshots create ${name} --name for-clone\`, then ` +
      `\`chaser workspaces create --clone-from ${copy}\`; or end the session: \`chaser sessions stop ${sessionId}\``,
  );
}

export function restoreRefused(workspace: WorkspaceRow, snapshot: string, sessionId: string): ServerError {
  const name = shellWord(workspace.name ?? workspace.id);
  return refused(
    workspace,
    sessionId,
    "cannot be restored",
    `end the session and restore: \`chaser workspaces snapshots restore ${name} ${shellWord(snapshot)} --force\`; ` +
      `or end it yourself: \`chaser sessions stop ${sessionId}\``,
  );
}

export function deleteRefused(workspace: WorkspaceRow, sessionId: string): ServerError {
  const name = shellWord(workspace.name ?? workspace.id);
  return refused(
    workspace,
    sessionId,
    "cannot be deleted",
    `end the session and delete: \`chaser workspaces delete ${name} --force\``,
  );
}

function refused(workspace: WorkspaceRow, sessionId: string, what: string, suggestion: string): ServerError {
  const name = JSON.stringify(workspace.name ?? workspace.id);
  return new ServerError("session_active", `workspace ${name} has an active session, so it ${what}`, {
    details: { workspace_id: workspace.id, session_id: sessionId },
    suggestion,
  });
}

/** Names may hold spaces and quotes; a command that is shown must work when it is pasted. */
function shellWord(text: string): string {
  return /^[\w@%+=:,.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
