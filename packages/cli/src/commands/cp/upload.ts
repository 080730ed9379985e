import { createReadStream, statSync, type Stats } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import type { ApiClient } from "../../client/api.js";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";
import { meter } from "./meter.js";

interface Upload {
  session: string;
  /** A local path, or `-`. */
  from: string;
  to: string;
  signal: AbortSignal;
}

interface Answer {
  files: { bytes: number }[];
}

/** Gives the number of bytes sent. A target that ends with a slash is the directory to copy into. */
export async function upload(context: Context, api: ApiClient, job: Upload): Promise<number> {
  const stat = job.from === "-" ? null : statSync(job.from);
  const isDirectory = stat?.isDirectory() === true;
  const to =
    job.to.endsWith("/") && job.from !== "-" ? job.to + path.basename(path.resolve(job.from)) : job.to;
  const content = isDirectory
    ? packed(context, job.from)
    : stat === null
      ? context.stdin
      : createReadStream(job.from);
  const about =
    stat === null || isDirectory
      ? {}
      : {
          mode: (stat.mode & 0o7777).toString(8).padStart(4, "0"),
          mtime: (Math.max(0, stat.mtimeMs) / 1000).toFixed(6),
        };
  const counted = meter(context, "sending", stat === null || isDirectory ? null : stat.size);
  const answer = await api.send<Answer>(`/v1/sessions/${job.session}/upload`, {
    query: { path: to, ...about },
    signal: job.signal,
    content: counted(content),
    contentType: isDirectory ? "application/x-tar" : "application/octet-stream",
    // Without it the server takes room for the quota step by step, and cannot refuse at once what does not fit.
    contentBytes: stat?.isFile() === true ? stat.size : undefined,
  });
  return answer.files.reduce((sum, file) => sum + file.bytes, 0);
}

/** Pipes, sockets and devices are no files to copy; the archiver would wait for ever for what comes after one. */
function packed(context: Context, directory: string): Readable {
  const filter = (name: string, entry: object): boolean => {
    const stat = entry as Stats;
    if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) return true;
    context.note(`passed over, because it is no file: ${printable(name)}`);
    return false;
  };
  return Readable.from(create({ cwd: directory, filter }, ["."]) as AsyncIterable<Buffer>);
}
