import { createReadStream, statSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import type { ApiClient } from "../../client/api.js";
import type { Context } from "../../context.js";
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
  const content = isDirectory ? packed(job.from) : stat === null ? context.stdin : createReadStream(job.from);
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

function packed(directory: string): Readable {
  return Readable.from(create({ cwd: directory }, ["."]) as AsyncIterable<Buffer>);
}
