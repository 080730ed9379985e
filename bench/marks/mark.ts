import type { Goal } from "../goals.js";
import type { Distribution } from "../measure.js";

/** One line of the marks: what was measured, and what it should at most take. */
export interface Mark {
  name: string;
  measured: Distribution;
  /** The median to stay under, or null for a line that only gives the scale. */
  goalMs: number | null;
  /** What keeps it from being faster, where there is a goal. */
  limitedBy?: string;
}

/** What one part of the marks found. */
export interface Marks {
  marks: Mark[];
  /** Held against more than a time: ratios, memory, what is left behind. */
  goals: Goal[];
  /** What could not be measured here, and why. */
  notes: string[];
}

export function together(parts: readonly Marks[]): Marks {
  return {
    marks: parts.flatMap(({ marks }) => marks),
    goals: parts.flatMap(({ goals }) => goals),
    notes: parts.flatMap(({ notes }) => notes),
  };
}
