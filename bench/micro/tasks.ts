import { Bench } from "tinybench";
import { seededRandom } from "../workloads/random.js";
import { SourceText } from "../workloads/source-text.js";
import { absentIds, madeSegment, presentIds } from "./made-index.js";
import { chunker, frames, hashing, nodes, type Digest } from "./store-internals.js";

export interface MicroOptions {
  /** How long each task runs. */
  timeMs: number;
  /** Bytes of source text that chunker, hash and frames work on. */
  bytes: number;
  /** Chunks in the index. */
  chunks: number;
  /** Entries in the tree node. */
  entries: number;
}

export interface MicroResult {
  name: string;
  /** Work done a second, in `unit`. */
  rate: number;
  unit: "MB/s" | "M/s";
}

interface Task {
  name: string;
  unit: MicroResult["unit"];
  /** Bytes or items of one call. */
  amount: number;
  work: () => void;
}

const frameBytes = 256 * 1024;
const lookups = 1_000_000;

/** Any 32 bytes will do as an id here. */
function idOf(number: number): Digest {
  return hashing.hash(Buffer.from(`chunk ${number}`));
}

function byteTasks(bytes: number): Task[] {
  const text = Buffer.from(new SourceText(seededRandom(1), 2_000).write(bytes));
  const frame = text.subarray(0, Math.min(bytes, frameBytes));
  const packed = frames.compressFrame(frame);
  const hashWith = (name: string, hash: ((bytes: Uint8Array) => unknown) | null): Task[] =>
    hash === null ? [] : [{ name, unit: "MB/s", amount: frame.length, work: () => void hash(frame) }];
  return [
    {
      name: "chunker",
      unit: "MB/s",
      amount: text.length,
      work() {
        for (let at = 0; at < text.length;) at = chunker.cut(text, at, text.length);
      },
    },
    ...hashWith("hash, native, 256 KiB", hashing.acceleratedHash()),
    ...hashWith("hash, portable, 256 KiB", hashing.portableHash()),
    {
      name: "frame: compress 256 KiB",
      unit: "MB/s",
      amount: frame.length,
      work: () => void frames.compressFrame(frame),
    },
    {
      name: "frame: decompress 256 KiB",
      unit: "MB/s",
      amount: frame.length,
      work: () => void frames.decompressFrame(packed.stored, packed.codec, frame.length),
    },
  ];
}

function indexTasks(chunks: number): Task[] {
  const segment = madeSegment(chunks, 0);
  const task = (name: string, ids: Digest[], isPresent: boolean): Task => ({
    name: `index: look up ${name} in ${chunks} chunks`,
    unit: "M/s",
    amount: ids.length,
    work() {
      for (const id of ids) if (segment.has(id) !== isPresent) throw new Error("the index is wrong");
    },
  });
  return [
    task("what is there", presentIds([segment], Math.min(chunks, lookups)), true),
    task("what is not", absentIds(Math.min(chunks, lookups)), false),
  ];
}

function treeTasks(count: number): Task[] {
  const digits = String(count).length;
  const entries = Array.from({ length: count }, (_, number) => ({
    type: "file" as const,
    name: Buffer.from(`file-${String(number).padStart(digits, "0")}.js`),
    mode: 0o644,
    uid: 1000,
    gid: 1000,
    mtimeSeconds: 1_700_000_000 + number,
    mtimeNanoseconds: number,
    xattrs: [],
    linkGroup: null,
    sizeBytes: 1,
    content: { depth: 0, id: idOf(number) },
  }));
  const sums = { files: count, directories: 0, logicalBytes: count };
  const encoded = nodes.encodeNode({ kind: "leaf", sums, entries });
  return [
    {
      name: `tree: encode ${count} entries`,
      unit: "M/s",
      amount: count,
      work: () => void nodes.encodeNode({ kind: "leaf", sums, entries }),
    },
    {
      name: `tree: decode ${count} entries`,
      unit: "M/s",
      amount: count,
      work: () => void nodes.decodeNode(encoded),
    },
  ];
}

/** What the store's inner loops reach, each alone on one thread. */
export async function runMicro(options: MicroOptions): Promise<MicroResult[]> {
  const tasks = [...byteTasks(options.bytes), ...indexTasks(options.chunks), ...treeTasks(options.entries)];
  const bench = new Bench({ time: options.timeMs, warmupTime: options.timeMs / 5, throws: true });
  for (const task of tasks) bench.add(task.name, task.work);
  const results = await bench.run();
  return tasks.map((task, index) => {
    const result = results[index]?.result;
    if (result === undefined || !("latency" in result)) throw new Error(`${task.name} gave no result`);
    return { name: task.name, unit: task.unit, rate: task.amount / (result.latency.p50 / 1_000) / 1e6 };
  });
}
