/**
 * Unpacks a layer in a process of its own: what is damaged or hostile in it then meets neither the server's memory nor, when
 * that is root, its rights. The job comes on standard input, which stays open for as long as the parent lives.
 */
import { RuntimeError } from "../errors.js";
import { unpackLayer, type UnpackJob } from "./unpack.js";

export type UnpackAnswer =
  | { ok: true; result: Awaited<ReturnType<typeof unpackLayer>> }
  | { ok: false; code: string; message: string };

const answer = (value: UnpackAnswer): void => {
  process.stdout.write(JSON.stringify(value), () => process.exit(0));
};

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk: string) => {
  const before = text.includes("\n");
  text += chunk;
  if (before || !text.includes("\n")) return;
  unpackLayer(JSON.parse(text) as UnpackJob).then(
    (result) => answer({ ok: true, result }),
    (error: unknown) => {
      const code = error instanceof RuntimeError ? error.code : "image_failed";
      answer({ ok: false, code, message: (error as Error).message });
    },
  );
});
process.stdin.on("end", () => process.exit(1));
