import type { Distribution } from "../measure.js";

/** One line of the marks: what was measured, and what it should at most take. */
export interface Mark {
  name: string;
  measured: Distribution;
  /** The median to stay under, or null for a line that only gives the scale. */
  goalMs: number | null;
}
