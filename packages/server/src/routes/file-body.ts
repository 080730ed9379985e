import type { FileInfo, OpenedPath } from "@chaser/runtime";
import type { ByteRange } from "./byte-range.js";

/** Headers of an answer with a file, or with a directory as an archive. Never shown by a browser, whatever it holds. */
export function fileHeaders(info: FileInfo, range: ByteRange | null): Record<string, string> {
  const common = {
    "X-Chaser-Type": info.kind,
    "X-Chaser-Mode": info.mode.toString(8).padStart(4, "0"),
    "X-Chaser-Modified": info.modified,
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
  };
  if (info.kind === "directory") return { ...common, "Content-Type": "application/x-tar" };
  return {
    ...common,
    "Content-Type": "application/octet-stream",
    "Content-Length": String(range?.length ?? info.sizeBytes),
    "Accept-Ranges": "bytes",
    "Last-Modified": new Date(Number(info.modified) * 1000).toUTCString(),
    ETag: entityTag(info),
    ...(range === null
      ? {}
      : { "Content-Range": `bytes ${range.offset}-${range.offset + range.length - 1}/${info.sizeBytes}` }),
  };
}

/** Another time, size or inode is another content. */
export function entityTag(info: FileInfo): string {
  return `"${info.inode}-${info.sizeBytes}-${info.modified}"`;
}

/** The content as a body. An error on the way breaks the answer off, so that nobody takes a part for the whole. */
export function fileBody(
  opened: OpenedPath,
  range: ByteRange | null,
  settle: (error?: unknown) => void,
): ReadableStream<Uint8Array> {
  const pieces = opened.read(range ?? undefined);
  let isLeft = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await pieces.next();
          if (isLeft) return;
          if (next.done !== true) return controller.enqueue(next.value);
          settle();
          controller.close();
        } catch (error) {
          // What was waited for was cut off because nobody wants it.
          if (isLeft) return;
          settle(error);
          controller.error(error);
        }
      },
      // Ends the command, and with it whatever waits for its next bytes.
      cancel() {
        isLeft = true;
        settle();
      },
    },
    { highWaterMark: 0 },
  );
}
