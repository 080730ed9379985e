// One call of the store library, and how long it took once the store was open:
//
//     chaser-process STORE create | snapshot SOURCE NAME | restore NAME TARGET | over NAME TARGET | diff FROM TO | remove NAME
import { openStore, type Store } from "@chaser/store";

const calls: Record<string, (store: Store, first: string, second: string) => Promise<void>> = {
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
  async diff(store, from, to) {
    let changes = 0;
    for await (const _change of (await store.diff(from, to)).changes) changes += 1;
    if (changes === 0) throw new Error("no difference was found");
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
await call(store, first, second);
console.log(`inside ${performance.now() - startedMs}`);
