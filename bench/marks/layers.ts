import type { Store } from "@chaser/store";
import { ratio, type Goal } from "../goals.js";
import { distribution } from "../measure.js";
import type { Mark, Marks } from "./mark.js";
import { attached, change, onMounted } from "./mounted.js";

export const manyLayers = 16;
/** What many layers may cost who reads through them. */
const layersShare = 1.3;

/** What a command inside says it took, in milliseconds, without mounting. */
function timed(script: string): string {
  return `s=$(date +%s%N); { ${script}; } > /dev/null; e=$(date +%s%N); echo $((e - s))`;
}

/** Walking and reading one layer, and the same files with more layers over them. */
export async function measureLayers(store: Store, runs: number): Promise<Marks> {
  const { disks } = store;
  await disks.restore("one", "first");
  await disks.clone("one", { id: "deep" });
  for (let layer = (await disks.get("deep")).layers; layer < manyLayers; layer += 1) {
    await change(store, "deep", 0, `layer-${layer}`);
    await disks.snapshot("deep");
  }
  const scripts = { find: "find . -type f -size +1M", "grep -r": "grep -r -c never-there . || true" };
  const marks: Mark[] = [];
  const goals: Goal[] = [];
  for (const [name, script] of Object.entries(scripts)) {
    const found = { one: [] as number[], deep: [] as number[] };
    for (let run = 0; run < runs; run += 1) {
      for (const [id, durations] of Object.entries(found)) {
        const printed = await attached(store, id, (attachment) => onMounted(attachment, timed(script)));
        durations.push(Number(printed) / 1e6);
      }
    }
    for (const [id, durations] of Object.entries(found)) {
      const { layers } = await disks.get(id);
      marks.push({
        name: `library: ${name} through ${layers} layer${layers === 1 ? "" : "s"}`,
        measured: distribution(durations),
        goalMs: null,
      });
    }
    goals.push({
      name: `${name} through ${manyLayers} layers`,
      limit: `${layersShare} x one layer`,
      bound: layersShare,
      value: ratio(found.deep, found.one),
      unit: "",
      limitedBy: "the kernel looks for each folder in every layer, and merges what it finds",
    });
  }
  return { marks, goals, notes: [] };
}
