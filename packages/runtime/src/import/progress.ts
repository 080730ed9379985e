export interface ImportProgress {
  phase: "counting" | "compressing" | "receiving" | "resolving" | "writing";
  /** Objects, or files for `writing`. */
  done: number;
  total: number;
}

const PHASES: Readonly<Record<string, ImportProgress["phase"]>> = {
  "Counting objects": "counting",
  "Compressing objects": "compressing",
  "Receiving objects": "receiving",
  "Resolving deltas": "resolving",
  "Updating files": "writing",
};

/** One line of what git prints while it works, or null for what is no progress. */
export function parseProgress(line: string): ImportProgress | null {
  const match = /^(?:remote: )?([A-Z][a-z]+ [a-z]+): +\d+% \((\d+)\/(\d+)\)/.exec(line);
  const phase = PHASES[match?.[1] ?? ""];
  return phase === undefined ? null : { phase, done: Number(match?.[2]), total: Number(match?.[3]) };
}
