import type { Context } from "../../context.js";
import { writeBytes } from "../../output/bytes.js";
import { withStore, type StoreOptions } from "./opened.js";
import { treePath } from "./paths.js";

interface Options extends StoreOptions {
  offset?: number;
  length?: number;
}

/** The bytes themselves, with `--json` too: a file is not a document. */
export async function run(context: Context, options: Options, name: string, path: string): Promise<void> {
  const { offset, length } = options;
  // No progress bar: it would run across what is printed.
  await withStore(context, options, (store, { signal }) => {
    const range = {
      ...(offset === undefined ? {} : { offset }),
      ...(length === undefined ? {} : { length }),
    };
    return writeBytes(context.stdout, store.read(name, treePath(path), { signal, ...range }), signal);
  });
}
