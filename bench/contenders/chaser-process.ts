// One call of the store library, and how long it took once the store was open:
//
//     chaser-process STORE create | snapshot SOURCE NAME | restore NAME TARGET | over NAME TARGET | diff FROM TO | rediff FROM TO | remove NAME
import { openStore, type Store } from "@chaser/store";

async function diff(store: Store, from: string, to: string): Promise<void> {
  let changes = 0;
  for await (const _change of (await store.diff(from, to)).changes) changes += 1;
  if (changes === 0) throw new Error("no difference was found");
}

/** A call that does more than what is to be measured gives the time of that. */
type Call = (store: Store, first: string, second: string) => Promise<number | void>;

const calls: Record<string, Call> = {
  create: () => Promise.resolve(),
  async snapshot(store, source, name) {
    const { problems } = await store.snapshot(source, { name });
    if (problems.length > 0) throw new Error(`not everything was kept: ${problems[0]?.message}`);
  },
  async restore(store, name, target) {
    const { problems } = await store.restore(name, target);
    if (problems.length > 0) throw new Error(`not everything was restored: ${problems[0]?.message}`);
  },
  async over(store, name, target) {
    const { problems } = await store.restore(name, target, { delete: true });
    if (problems.length > 0) throw new Error(`not everything was restored: ${problems[0]?.message}`);
  },
  diff,
  async rediff(store, from, to) {
    await diff(store, from, to);
    const durationsMs = [];
    for (let n = 0; n < 9; n += 1) {
      const startedMs = performance.now();
      await diff(store, from, to);
      durationsMs.push(performance.now() - startedMs);
    }
    // Loaded here, because each other call is charged for what it loads.
    const { median } = await import("../measure.js");
    return median(durationsMs);
  },
  async remove(store, name) {
    await store.deleteSnapshot(name);
  },
};

const [directory = "", name = "", first = "", second = ""] = process.argv.slice(2);
const call = calls[name];
if (call === undefined) throw new Error(`no such call: ${name}`);
await using store = await openStore(directory, { create: name === "create" });
const startedMs = performance.now();
const ownMs = await call(store, first, second);
console.log(`inside ${ownMs ?? performance.now() - startedMs}`);
