import type { Snapshot, Workspace } from "../../client/answers.js";
import { printable } from "../../output/printable.js";
import { formatProperties } from "../../output/table.js";
import { formatBytes, formatCount, formatTime } from "../../output/units.js";

/** What a person calls the workspace: its name, or its id when it has none. Safe to print. */
export function workspaceTitle(workspace: Workspace): string {
  return printable(workspace.name ?? workspace.id);
}

export function describeWorkspace(workspace: Workspace): string {
  return formatProperties([
    ["name", workspace.name ?? "-"],
    ["id", workspace.id],
    ["status", workspace.status],
    ["template", workspace.template ? "yes" : "no"],
    ["image", workspace.image],
    ["repository", workspace.github_repo],
    ["cloned from", workspace.source_workspace_id],
    ["session", workspace.active_session_id],
    ["created", formatTime(workspace.created_at)],
    ["disk", `${formatBytes(workspace.disk_bytes)} of ${formatBytes(workspace.disk_limit_bytes)}`],
  ]);
}

export function describeSnapshot(snapshot: Snapshot): string {
  return formatProperties([
    ["name", snapshot.name],
    ["id", snapshot.id],
    ["created", formatTime(snapshot.created_at)],
    ["comment", snapshot.comment === "" ? null : snapshot.comment],
    ["files", formatCount(snapshot.files)],
    ["size", formatBytes(snapshot.logical_bytes)],
    ["new on disk", formatBytes(snapshot.new_bytes)],
    ["taken while", snapshot.consistency === "live" ? "in use (processes were paused)" : "idle"],
    ["tree", snapshot.tree],
  ]);
}
