import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { writeBytes } from "../../output/bytes.js";
import { formatBytes, plural } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

interface Options extends StoreOptions {
  since?: string;
}

/** The bundle goes to stdout, so what there is to say goes to stderr. */
export async function run(context: Context, options: Options, names: string[]): Promise<void> {
  if (context.stdout.isTTY) {
    throw new CliError("usage", "a bundle is not for a terminal", {
      exitCode: exitCode.usage,
      suggestion: "write it to a file or a pipe, as in: chaser store export monday > monday.bundle",
    });
  }
  const { since } = options;
  const bytes = await withStore(context, options, (store, call) =>
    writeBytes(
      context.stdout,
      store.export(names, { ...call, ...(since === undefined ? {} : { since }) }),
      call.signal,
    ),
  );
  context.note(`exported ${plural(names.length, "snapshot")}, ${formatBytes(bytes)}`);
}
