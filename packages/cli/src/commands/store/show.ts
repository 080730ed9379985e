import type { Context } from "../../context.js";
import { describeSnapshot, snapshotJson } from "./describe.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions, name: string): Promise<void> {
  const snapshot = await withStore(context, options, (store) => store.getSnapshot(name));
  context.show(snapshotJson(snapshot), () => describeSnapshot(snapshot));
}
