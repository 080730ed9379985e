import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdir, rm, utimes } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ApiClient } from "../../client/api.js";
import type { Context } from "../../context.js";
import { meter } from "./meter.js";
import { isDirectory, putInPlace } from "./put-in-place.js";
import { modeMask, unpack } from "./unpack.js";

interface Download {
  session: string;
  from: string;
  /** A local path, or `-`: then a directory comes as a tar archive. */
  to: string;
  signal: AbortSignal;
}

/** Gives the number of bytes received. Into an existing directory goes what is copied under its own name. */
export async function download(context: Context, api: ApiClient, job: Download): Promise<number> {
  const { headers, content } = await api.receive(`/v1/sessions/${job.session}/download`, {
    query: { path: job.from },
    signal: job.signal,
  });
  const isFile = headers["x-chaser-type"] === "file";
  const counted = meter(context, "receiving", isFile ? Number(headers["content-length"]) : null);
  const body = Readable.from(counted(content));
  if (job.to === "-") {
    await pipeline(body, context.stdout, { end: false });
    return counted.bytes();
  }
  const inside = await isDirectory(job.to, { follow: true });
  const name = path.posix.basename(path.posix.resolve("/workspace", job.from));
  const target = path.resolve(inside ? path.join(job.to, name === "" ? "root" : name) : job.to);
  const beside = path.join(path.dirname(target), `.chaser-cp-${randomUUID()}`);
  try {
    if (isFile) await pipeline(body, createWriteStream(beside, { flags: "wx", mode: 0o600 }));
    else {
      await mkdir(beside);
      await unpack(body, beside);
    }
    job.signal.throwIfAborted();
    if (isFile) {
      await chmod(beside, Number.parseInt(String(headers["x-chaser-mode"]), 8) & modeMask);
      const modified = Number(headers["x-chaser-modified"]);
      await utimes(beside, modified, modified);
    }
    await putInPlace(beside, target);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return counted.bytes();
}
