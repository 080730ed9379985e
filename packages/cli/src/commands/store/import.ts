import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatBytes, plural } from "../../output/units.js";
import { snapshotJson } from "./describe.js";
import { withStore, type StoreOptions } from "./opened.js";

interface Options extends StoreOptions {
  rename?: string[];
}

export async function run(context: Context, options: Options): Promise<void> {
  if (context.stdin.isTTY) {
    throw new CliError("usage", "there is no bundle on stdin", {
      exitCode: exitCode.usage,
      suggestion: "give one, as in: chaser store import < monday.bundle",
    });
  }
  const rename = Object.fromEntries((options.rename ?? []).map(namePair));
  const snapshots = await withStore(context, options, (store, call) =>
    store.import(context.stdin as AsyncIterable<Buffer>, { ...call, rename }),
  );
  context.show(snapshots.map(snapshotJson), () =>
    snapshots
      .map(
        ({ name, files, logicalBytes }) =>
          `imported ${printable(name)}: ${plural(files, "file")}, ${formatBytes(logicalBytes)}\n`,
      )
      .join(""),
  );
}

function namePair(typed: string): [string, string] {
  const at = typed.indexOf("=");
  if (at > 0 && at < typed.length - 1) return [typed.slice(0, at), typed.slice(at + 1)];
  throw new CliError("usage", `--rename ${printable(typed)} is not OLD=NEW`, { exitCode: exitCode.usage });
}
