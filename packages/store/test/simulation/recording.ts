/** Runs an operation once and keeps the disk as it was after each of its changes. */
import type { Files } from "../../src/platform/files.js";
import { MemoryDisk, type Moment } from "./memory-disk.js";
import { MemoryFiles, type Lie, type Asked } from "./memory-files.js";
import { nothingAtAll, observe, type Expectation, type State } from "./oracle.js";
import { settled } from "./power-loss.js";
import type { Scenario } from "./scenario.js";
import { perform, prepared } from "./scenarios.js";

export interface Recording {
  scenario: Scenario;
  /** After each change, in order; the last is after the operation has returned. */
  moments: { change: string; moment: Moment }[];
  before: State;
  after: State;
  /** Where syncs and renames were asked for. */
  sites: Set<string>;
}

/** What is taken away from an operation: the syncs or renames that one call site asks for. */
export interface Mutation {
  site: string;
  lie: Lie;
}

export function record(
  scenario: Scenario,
  mutation: Mutation | null = null,
  start = prepared(scenario),
): Recording {
  const { mend } = scenario;
  const disk = new MemoryDisk(start);
  const moments = [{ change: "nothing yet", moment: start }];
  const sites = new Set<string>();
  const lies = (what: Asked): Lie | null => {
    const site = callSite(what);
    sites.add(site);
    return site === mutation?.site ? mutation.lie : null;
  };
  const changed = (operation: keyof Files): void => {
    moments.push({ change: operation, moment: disk.moment() });
  };
  perform(new MemoryFiles(disk, { changed, lies }), scenario);
  moments.push({ change: "return", moment: disk.moment() });
  return {
    scenario,
    moments,
    before: observe(start, mend),
    after: observe(settled(disk.moment()), mend),
    sites,
  };
}

/** What has to hold after a power cut at moment `n` of the recording. */
export function expectationAt({ scenario, moments, before, after }: Recording, n: number): Expectation {
  const { goOn, mend } = scenario;
  if (n === moments.length - 1) {
    // A repair that was acknowledged needs no other.
    return {
      allowed: [after],
      required: after,
      gone: without(before, after),
      mayLackStore: false,
      goOn,
    };
  }
  return {
    goOn,
    mend,
    allowed: [before, after],
    required: common(before, after),
    gone: nothingAtAll,
    mayLackStore: scenario.isInit === true,
  };
}

type Part = ReadonlyMap<string, string>;

function perPart(run: (part: "snapshots" | "disks") => Part): State {
  return { snapshots: run("snapshots"), disks: run("disks") };
}

/** What both show alike. */
export function common(a: State, b: State): State {
  return perPart((part) => new Map([...a[part]].filter(([name, tree]) => b[part].get(name) === tree)));
}

/** The names of `a` that `b` lacks. */
export function without(a: State, b: State): State {
  return perPart((part) => new Map([...a[part]].filter(([name]) => !b[part].has(name))));
}

const plumbing =
  /^(withDirectory|withLock|callSite|lies|MemoryFiles|MemoryDisk|Object|guarded|sync|syncFilesystem|rename)$/;

/** The two innermost functions of the store that asked for a sync or a rename, by name: names outlive edits, lines do not. */
function callSite(what: string): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const lines = (new Error().stack ?? "").split("\n");
  Error.stackTraceLimit = limit;
  const functions = lines
    .filter((line) => line.includes("/src/"))
    .flatMap((line) => /^\s*at (?:new )?([^\s(]+) \(/.exec(line)?.[1] ?? [])
    .map((name) => name.replace(/^.*\.(?=[^.]+$)/, ""))
    .filter((name) => !plumbing.test(name) && !name.startsWith("<"));
  return `${what} in ${functions.slice(0, 2).join(" of ")}`;
}
