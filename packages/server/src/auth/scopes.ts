/** What a key may be allowed to do. A key without a list may do everything in its account. */
export const scopes = [
  "sessions.read",
  "sessions.write",
  "workspaces.read",
  "workspaces.write",
  "exec.write",
  "files.read",
  "files.write",
  "keys.read",
  "keys.write",
  "billing.read",
  "audit.read",
] as const;

export type Scope = (typeof scopes)[number];

/** Whether a key with `granted` (null: all) may do what `needed` asks. */
export function allows(granted: readonly Scope[] | null, needed: Scope): boolean {
  return granted === null || granted.includes(needed);
}

/** Whether every scope of `wanted` lies within `granted`, so that a key cannot make a stronger one. */
export function covers(granted: readonly Scope[] | null, wanted: readonly Scope[] | null): boolean {
  if (granted === null) return true;
  return wanted !== null && wanted.every((scope) => granted.includes(scope));
}
