import type { InitialDirectory } from "@chaser/store";

/** What a new disk starts with: where work goes, and the home directory. Both outlive every session. */
export const initialDirectories: InitialDirectory[] = [
  { path: "workspace", mode: 0o755 },
  { path: "home", mode: 0o755 },
  { path: "home/chaser", mode: 0o755 },
];
