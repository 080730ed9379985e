/** Runs test files in this process with one piece of the compiled source taken out: `{ removal, tests }` as JSON. */
import { register } from "node:module";

export interface Removal {
  /** URL of the file. */
  url: string;
  start: number;
  end: number;
  /** What stands there then. */
  instead: string;
}

const { removal, tests } = JSON.parse(process.argv[2] ?? "") as { removal: Removal; tests: string[] };
register(new URL("./removing-loader.js", import.meta.url), { data: removal });
for (const file of tests) await import(file);
