import { resolve } from "node:path";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { storeDirectory, withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions, directory?: string): Promise<void> {
  const store = resolve(directory ?? storeDirectory(context, options));
  if (await isStore(context, store))
    throw new CliError("store_exists", `there is a store in ${store} already`, {
      exitCode: exitCode.conflict,
    });
  await withStore(context, { store, create: true }, () => Promise.resolve());
  context.show({ store }, () => `made a store in ${printable(store)}`);
}

/** Opening with `create` also opens a store that is there; whoever says "init" wants to know. */
async function isStore(context: Context, store: string): Promise<boolean> {
  try {
    return await withStore(context, { store }, () => Promise.resolve(true));
  } catch {
    return false;
  }
}
