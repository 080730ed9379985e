import { formatBytes, formatCount } from "./units.js";

/** What a restore did, or would do, in one line. */
export function formatChanges(changes: {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  written_bytes: number;
}): string {
  const counts = (["created", "changed", "deleted"] as const)
    .filter((kind) => changes[kind] > 0)
    .map((kind) => `${formatCount(changes[kind])} ${kind}`);
  if (counts.length === 0) return "nothing differs";
  return `${counts.join(", ")}, ${formatBytes(changes.written_bytes)} written`;
}
