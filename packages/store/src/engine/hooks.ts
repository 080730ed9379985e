import type { Progress } from "../api.js";

/** How the caller of an engine listens to it and stops it. */
export interface Hooks {
  isAborted?: () => boolean;
  onProgress?: (progress: Progress) => void;
}
