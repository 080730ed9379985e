// One call of the store library: chaser-process STORE create | snapshot SOURCE NAME | restore NAME TARGET
import { openStore } from "@chaser/store";

const [directory = "", call, first = "", second = ""] = process.argv.slice(2);
await using store = await openStore(directory, { create: call === "create" });
if (call === "snapshot") {
  const { problems } = await store.snapshot(first, { name: second });
  if (problems.length > 0) throw new Error(`not everything was kept: ${problems[0]?.message}`);
} else if (call === "restore") {
  const { problems } = await store.restore(first, second);
  if (problems.length > 0) throw new Error(`not everything was restored: ${problems[0]?.message}`);
}
