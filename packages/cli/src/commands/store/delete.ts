import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";
import { formatBytes } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions, name: string): Promise<void> {
  const { freedBytes } = await withStore(context, options, (store) => store.deleteSnapshot(name));
  context.show(
    { deleted: name, freed_bytes: freedBytes },
    () => `deleted ${printable(name)}: ${formatBytes(freedBytes)} freed`,
  );
}
