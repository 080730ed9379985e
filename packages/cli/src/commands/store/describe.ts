import type { SnapshotInfo } from "@chaser/store";
import { formatProperties } from "../../output/table.js";
import { formatBytes, formatCount, formatTime } from "../../output/units.js";

export function snapshotJson(snapshot: SnapshotInfo): Record<string, unknown> {
  return {
    id: snapshot.id,
    name: snapshot.name,
    tree: snapshot.tree,
    parent: snapshot.parent,
    created_at: new Date(snapshot.createdAtMs).toISOString(),
    comment: snapshot.comment,
    consistency: snapshot.consistency,
    files: snapshot.files,
    directories: snapshot.directories,
    logical_bytes: snapshot.logicalBytes,
    new_bytes: snapshot.newBytes,
  };
}

export function describeSnapshot(snapshot: SnapshotInfo): string {
  return formatProperties([
    ["name", snapshot.name],
    ["id", snapshot.id],
    ["created", formatTime(snapshot.createdAtMs)],
    ["comment", snapshot.comment === "" ? null : snapshot.comment],
    ["files", formatCount(snapshot.files)],
    ["directories", formatCount(snapshot.directories)],
    ["size", formatBytes(snapshot.logicalBytes)],
    ["new on disk", formatBytes(snapshot.newBytes)],
    ["tree", snapshot.tree],
  ]);
}
