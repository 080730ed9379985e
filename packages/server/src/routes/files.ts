import { Readable } from "node:stream";
import { z } from "@hono/zod-openapi";
import { openPath, RuntimeError, type FileInfo } from "@chaser/runtime";
import type { Reservation } from "../billing/quota.js";
import type { Context } from "../context.js";
import { ServerError } from "../errors.js";
import { downloadQuery, uploadQuery, uploadSchema } from "../schemas/files.js";
import { uploadParts, type UploadPart } from "../sessions/upload-parts.js";
import { apiRoute, json } from "./api-route.js";
import { byteRange, type ByteRange } from "./byte-range.js";
import { incoming, type App, type Request } from "./environment.js";
import { entityTag, fileBody, fileHeaders } from "./file-body.js";

const tags = ["files"];
const params = z.object({ session: z.string().openapi({ param: { name: "session", in: "path" } }) });
const binary = { schema: z.string().openapi({ format: "binary" }) };

const upload = apiRoute(
  { scope: "files.write", audit: "file.upload" },
  {
    method: "post",
    path: "/v1/sessions/{session}/upload",
    tags,
    summary: "Put a file or a directory into a session",
    description:
      "The body is the file; or, with `Content-Type: application/x-tar`, an archive that is unpacked into the directory `path`; or, with " +
      "`multipart/form-data`, one file, or several into the directory `path/`. Missing directories are made. It is streamed, and bounded by " +
      "the quota alone. Until it has arrived whole, what was there stays as it was; a link at `path` is replaced, not followed.",
    request: {
      params,
      query: uploadQuery,
      body: { required: true, content: { "application/octet-stream": binary, "application/x-tar": binary } },
    },
    responses: { 200: { description: "what was written", ...json(uploadSchema) } },
  },
);

const download = apiRoute(
  { scope: "files.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}/download",
    tags,
    summary: "Get a file or a directory out of a session",
    description:
      "A directory comes as a tar archive, with modes, times and links. Of a file, `Range` asks for a part, and `If-Range` for that only while " +
      "the file is still the same. An answer that breaks off was not whole. `X-Chaser-Type`, `-Mode` and `-Modified` say what it is.",
    request: { params, query: downloadQuery },
    responses: {
      200: {
        description: "the bytes",
        content: { "application/octet-stream": binary, "application/x-tar": binary },
      },
      206: { description: "the part that was asked for", content: { "application/octet-stream": binary } },
    },
  },
);

export function registerFiles(app: App, context: Context): void {
  const { sessions, uploads, quota, log } = context;

  app.openapi(upload, async (c) => {
    const { account } = c.get("principal");
    const { path, mode, mtime } = c.req.valid("query");
    const { session, release } = sessions.lease(account, c.req.valid("param").session);
    c.set("auditTarget", session.id);
    const room = { bytes: declaredBytes(c) ?? 0, diskId: session.diskId };
    let reservation: Reservation | undefined;
    try {
      reservation = await quota.reserve(account, room);
      const files: { path: string; bytes: number }[] = [];
      for await (const part of partsOf(c, reservation)) {
        const target = targetOf(path, part, files.length);
        const bytes = await uploads.take(session, {
          path: target,
          kind: part.kind,
          content: part.content,
          ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
          ...(mtime === undefined ? {} : { modified: mtime }),
        });
        files.push({ path: target, bytes });
      }
      await session.assertNotStopped();
      return c.json({ files }, 200);
    } catch (error) {
      // Of what is still to come nothing is read, so the connection cannot carry another request.
      c.header("Connection", "close");
      if (c.req.raw.signal.aborted) throw new ServerError("invalid_request", "the client went away");
      if (session.stoppedBy === undefined && error instanceof RuntimeError && error.code === "disk_full")
        throw await quota.noRoom(account, session.diskId, { neededBytes: room.bytes, error });
      throw session.stoppedBy ?? error;
    } finally {
      reservation?.release();
      release();
    }
  });

  app.openapi(download, async (c) => {
    const { account } = c.get("principal");
    const { session, release } = sessions.lease(account, c.req.valid("param").session);
    try {
      const opened = await openPath((spec) => session.start(spec), c.req.valid("query").path);
      const settle = (error?: unknown): void => {
        opened.close();
        release();
        if (error !== undefined) log.error("download", error, { request_id: c.get("requestId") });
      };
      try {
        const { info } = opened;
        const range = info.kind === "file" ? wantedRange(c, info) : null;
        const headers = fileHeaders(info, range);
        const status = range === null ? 200 : 206;
        if (c.req.method !== "HEAD") return c.body(fileBody(opened, range, settle), status, headers);
        settle();
        return c.body(null, status, headers);
      } catch (error) {
        settle();
        throw error;
      }
    } catch (error) {
      release();
      throw session.stoppedBy ?? error;
    }
  });
}

function wantedRange(c: Request, info: FileInfo): ByteRange | null {
  const condition = c.req.header("If-Range");
  if (condition !== undefined && condition !== entityTag(info)) return null;
  return byteRange(c.req.header("Range"), info.sizeBytes);
}

type Part = UploadPart & { kind: "file" | "tar"; inForm: boolean };

async function* partsOf(c: Request, reservation: Reservation): AsyncGenerator<Part> {
  const type = c.req.header("Content-Type") ?? "";
  const body = Readable.from(wholeBody(c, reservation));
  if (!/^multipart\//i.test(type)) {
    const kind = /^application\/(x-)?tar\b/i.test(type) ? "tar" : "file";
    yield { kind, content: body, fileName: null, inForm: false };
    return;
  }
  for await (const part of uploadParts(type, body)) yield { ...part, kind: "file", inForm: true };
}

function declaredBytes(c: Request): number | null {
  const header = c.req.header("Content-Length") ?? "";
  return /^\d{1,15}$/.test(header) ? Number(header) : null;
}

/** How much room is taken at a time for a body whose length is not known. */
const roomStepBytes = 16 * 1024 * 1024;

/**
 * The body's bytes, for which room is taken before they are passed on. Fails when the client went away before its end: as a web stream the framework would end it
 * there, as if it were whole.
 */
async function* wholeBody(c: Request, reservation: Reservation): AsyncGenerator<Uint8Array> {
  const message = incoming(c);
  if (message === undefined) {
    yield new Uint8Array(await c.req.arrayBuffer());
    return;
  }
  let roomBytes = declaredBytes(c) ?? 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    if (chunk.length > roomBytes) {
      await reservation.extend(roomStepBytes);
      roomBytes += roomStepBytes;
    }
    roomBytes -= chunk.length;
    yield chunk;
  }
  if (!message.complete) throw new ServerError("invalid_request", "the client went away");
}

/** Where a part goes: `path` itself, or into it when it ends with a slash. */
function targetOf(path: string, part: Part, index: number): string {
  if (!path.endsWith("/") || part.kind === "tar") {
    if (index === 0) return path;
    throw invalidPath("several files need a directory: end the path with /");
  }
  if (!part.inForm)
    throw invalidPath("it names a directory, and the body has no file name: add one to the path");
  if (part.fileName === null || /^\.{0,2}$/.test(part.fileName))
    throw invalidPath("it names a directory, and a file of the form has no name");
  return path + part.fileName;
}

function invalidPath(message: string): ServerError {
  return new ServerError("invalid_request", `path: ${message}`, { details: { path: "path" } });
}
