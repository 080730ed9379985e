import type { LongCall, Store } from "@chaser/store";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { openProgressBar } from "../../output/progress.js";

export interface StoreOptions {
  store?: string;
}

/** The store directory from `--store`, else from `CHASER_STORE`. Code `no_store` when neither names one. */
export function storeDirectory(context: Context, options: StoreOptions): string {
  const directory = options.store ?? context.env["CHASER_STORE"];
  if (directory !== undefined && directory !== "") return directory;
  throw new CliError("no_store", "no store is named", {
    exitCode: exitCode.usage,
    suggestion: "give --store DIR or set CHASER_STORE; `chaser store init DIR` makes a store",
  });
}

/** Opens the store for `work` and closes it, however that ends. After Ctrl-C the error is the interruption. */
export async function withStore<T>(
  context: Context,
  options: StoreOptions & { create?: boolean },
  work: (store: Store, call: Required<LongCall>) => Promise<T>,
): Promise<T> {
  const directory = storeDirectory(context, options);
  const signal = context.interrupt();
  const { openStore } = await import("@chaser/store");
  const bar = openProgressBar(context.stderr);
  try {
    await using store = await openStore(directory, { create: options.create === true });
    return await work(store, { signal, onProgress: (progress) => bar.update(progress) });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    bar.end();
  }
}
