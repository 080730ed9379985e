import type { ApiClient } from "../client/api.js";
import { streamError } from "../client/failure.js";
import type { Context } from "../context.js";
import { CliError } from "../errors.js";
import { formatBytes } from "../output/units.js";

interface Progress {
  phase: "resolve" | "fetch" | "unpack";
  bytes: number;
  total_bytes: number | null;
}

const verbs: Record<Progress["phase"], string> = {
  resolve: "looking up",
  fetch: "fetching",
  unpack: "unpacking",
};

/** Has the server fetch an image, and shows how far it is. What is made of the image next then waits for nothing. */
export async function pullImage(
  context: Context,
  api: ApiClient,
  image: string,
  signal?: AbortSignal,
): Promise<void> {
  const onTerminal = context.stderr.isTTY && !context.json;
  let written = 0;
  const show = (text: string): void => {
    context.stderr.write(`\r${text.padEnd(written)}`);
    written = text.length;
  };
  try {
    for await (const { event, data } of api.stream("POST", "/v1/images", { body: { image }, signal })) {
      if (event === "complete") return;
      if (event === "error") throw streamError(data, { url: "the server" });
      if (event !== "progress" || !onTerminal) continue;
      const { phase, bytes, total_bytes: totalBytes } = JSON.parse(data) as Progress;
      const amount =
        totalBytes === null ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
      show(`${verbs[phase]} the image${phase === "resolve" ? "" : `: ${amount}`}`);
    }
    throw new CliError("stream_ended", "the server ended the stream without saying what became of the image");
  } finally {
    if (written > 0) context.stderr.write(`\r${" ".repeat(written)}\r`);
  }
}
