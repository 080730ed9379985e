import { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { ServerError } from "../errors.js";

export interface UploadPart {
  /** The name the client gave, without any directory in it; null for a part without one. */
  fileName: string | null;
  content: Readable;
}

/** Each file of a form is an upload of its own, so there are not to be thousands. */
const filesMax = 1000;

/** The files of a multipart body, each as it arrives. Each must be read to its end before the next one comes. */
export async function* uploadParts(contentType: string, body: Readable): AsyncGenerator<UploadPart> {
  const waiting: UploadPart[] = [];
  const contents: Readable[] = [];
  let finished = false;
  let failure: Error | undefined;
  let ring = (): void => {};
  const fail = (error: Error): void => {
    failure ??= error;
    for (const content of contents) content.destroy(failure);
    ring();
  };
  const parser = openParser(contentType);
  parser.on("file", (_field, content, fileName: string | undefined) => {
    content.on("error", (error) => (failure ??= malformed(error.message)));
    contents.push(content);
    waiting.push({
      fileName: fileName === undefined ? null : lastName(fileName),
      content: Readable.from(failingWith(content, () => failure)),
    });
    ring();
  });
  parser.on("filesLimit", () => fail(malformed(`it holds more than ${filesMax} files`)));
  parser.on("error", (error) => fail(malformed((error as Error).message)));
  parser.on("finish", () => {
    finished = true;
    ring();
  });
  body.on("error", fail);
  body.pipe(parser);
  try {
    for (;;) {
      const part = waiting.shift();
      if (part !== undefined) yield part;
      else if (failure !== undefined) throw failure;
      else if (finished) return;
      else await new Promise<void>((resolve) => (ring = resolve));
    }
  } finally {
    body.unpipe(parser);
  }
}

async function* failingWith(content: Readable, failure: () => Error | undefined): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of content) yield chunk as Buffer;
  } catch (error) {
    throw failure() ?? error;
  }
}

function openParser(contentType: string): BusboyInstance {
  try {
    const headers: BusboyHeaders = { "content-type": contentType };
    return new Busboy({ headers, limits: { files: filesMax, fields: 0 } });
  } catch (error) {
    throw malformed((error as Error).message);
  }
}

function malformed(reason: string): ServerError {
  return new ServerError("invalid_request", `the form cannot be read: ${reason}`);
}

function lastName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
}
