/** Reads one layer's archive and writes its tree: digests, caps and names are checked while it streams. Codes `image_unsupported`. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { once } from "node:events";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { linuxFiles, type Files } from "@chaser/store/files";
import { extract, type Entry, type Extract, type Headers } from "tar-stream";
import { DecompressStream } from "zstd-napi";
import { RuntimeError } from "../errors.js";
import { interpretEntryName, showPath, splitEntryPath } from "./entry-path.js";
import { LayerTree } from "./layer-tree.js";
import { HEADER_BYTES_MAX, RATIO_FREE_BYTES } from "./limits.js";
import type { LayerDescriptor } from "./manifest.js";
import { unsupported } from "./refuse.js";

export interface UnpackJob {
  /** The compressed archive. */
  blob: string;
  layer: LayerDescriptor;
  /** Of the uncompressed archive. */
  diffId: string;
  /** An empty directory. */
  target: string;
  unpackedBytesMax: number;
  entriesMax: number;
  ratioMax: number;
}

export interface UnpackResult {
  entries: number;
  /** Length of the uncompressed archive. */
  unpackedBytes: number;
  opaqueRoot: boolean;
  /** Devices, which are never made. */
  skippedDevices: number;
}

/** A frame of zstd may unpack to 30,000 times its length, all of which its stream gives at once. */
const ZSTD_PIECE_BYTES = 1024;

/** Times before 1970 and far from now are of no use, and some filesystems cannot hold them. */
const MODIFIED_MAX = 0xffffffff;

interface Progress {
  compressedBytes: number;
  unpackedBytes: number;
  /** Unpacked bytes since the last entry began or gave content: what the archive's headers make the reader hold. */
  headerBytes: number;
}

async function* counted(
  blob: string,
  hash: Hash,
  sizeBytes: number,
  progress: Progress,
): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(blob) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    progress.compressedBytes += chunk.length;
    if (progress.compressedBytes > sizeBytes) throw unsupported("a layer is longer than its manifest says");
    yield chunk;
  }
}

async function* inPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += ZSTD_PIECE_BYTES)
      yield chunk.subarray(at, at + ZSTD_PIECE_BYTES);
  }
}

function uncompressed(source: AsyncIterable<Buffer>, layer: LayerDescriptor): AsyncIterable<Buffer> {
  if (layer.compression === "none") return source;
  const input = Readable.from(layer.compression === "gzip" ? source : inPieces(source), {
    objectMode: false,
  });
  const output = layer.compression === "gzip" ? createGunzip() : new DecompressStream();
  input.once("error", (error) => output.destroy(error));
  output.once("close", () => input.destroy());
  return input.pipe(output);
}

/** Gives the archive to its reader, within the caps. */
async function feed(
  job: UnpackJob,
  plain: AsyncIterable<Buffer>,
  hash: Hash,
  progress: Progress,
  reader: Extract,
): Promise<void> {
  for await (const chunk of plain) {
    hash.update(chunk);
    progress.unpackedBytes += chunk.length;
    progress.headerBytes += chunk.length;
    const { unpackedBytes, compressedBytes, headerBytes } = progress;
    if (unpackedBytes > job.unpackedBytesMax) {
      throw unsupported(`the image unpacks to more than ${String(job.unpackedBytesMax)} bytes`);
    }
    if (unpackedBytes > Math.max(RATIO_FREE_BYTES, job.ratioMax * compressedBytes)) {
      throw unsupported(`a layer unpacks to more than ${String(job.ratioMax)} times its size`);
    }
    if (headerBytes > HEADER_BYTES_MAX + chunk.length)
      throw unsupported("a layer has a header that is too long");
    if (!reader.write(chunk)) await once(reader, "drain");
  }
  reader.end();
}

/** Names in pax records come as text, all others as one character a byte. */
function nameBytes(text: string, fromPax: boolean): Buffer {
  if (!fromPax) return Buffer.from(text, "latin1");
  if (text.includes("\ufffd"))
    throw unsupported(`the name ${JSON.stringify(text.slice(0, 200))} is not UTF-8`);
  return Buffer.from(text, "utf8");
}

class LayerReader {
  entries = 0;
  skippedDevices = 0;
  readonly #files: Files;
  readonly #tree: LayerTree;
  readonly #job: UnpackJob;
  readonly #progress: Progress;

  constructor(files: Files, tree: LayerTree, job: UnpackJob, progress: Progress) {
    this.#files = files;
    this.#tree = tree;
    this.#job = job;
    this.#progress = progress;
  }

  async readAll(reader: Extract): Promise<void> {
    for await (const entry of reader) {
      this.#progress.headerBytes = 0;
      this.entries += 1;
      if (this.entries > this.#job.entriesMax) {
        throw unsupported(`the image has more than ${String(this.#job.entriesMax)} entries`);
      }
      await this.#entry(entry);
      await this.#skip(entry);
      this.#progress.headerBytes = 0;
    }
  }

  async #entry(entry: Entry): Promise<void> {
    const header: Headers & { pax?: Record<string, string> | null } = entry.header;
    const pax = header.pax ?? {};
    const path = splitEntryPath(nameBytes(header.name, pax["path"] !== undefined));
    const name = interpretEntryName(path);
    if (name.kind === "ignored") return;
    if (name.kind === "opaque") return this.#tree.opaque(name.path);
    if (name.kind === "removal") {
      if (header.type === "directory") throw unsupported(`the mark ${showPath(path)} is a directory`);
      return this.#tree.removal(name.path);
    }
    const seconds = Math.floor(Number(header.mtime ?? 0) / 1000);
    const metadata = {
      mode: (header.mode ?? 0) & 0o7777,
      modified: Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MODIFIED_MAX) : 0,
    };
    const target = (): Buffer => nameBytes(header.linkname ?? "", pax["linkpath"] !== undefined);
    switch (header.type) {
      case "directory":
        return this.#tree.directory(path, metadata);
      case "file":
      case "contiguous-file":
        return this.#content(entry, this.#tree.file(path, metadata), metadata);
      case "symlink":
        return this.#tree.symlink(path, target(), metadata);
      case "link":
        return this.#tree.link(path, splitEntryPath(target()));
      case "fifo":
        return this.#tree.fifo(path, metadata);
      case "character-device":
      case "block-device":
        // `/dev` is the runtime's own, and a device 0:0 would be a removal that overlayfs believes.
        this.skippedDevices += 1;
        return;
      case "pax-header":
      case "pax-global-header":
      case "gnu-long-link-path":
      case "gnu-long-path":
      case null:
      case undefined:
        throw unsupported(`${showPath(path)} is of a kind that is not supported`);
    }
  }

  async #content(entry: Entry, fd: number, metadata: { mode: number; modified: number }): Promise<void> {
    try {
      let at = 0;
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        this.#progress.headerBytes = 0;
        this.#files.write(fd, chunk, at);
        at += chunk.length;
      }
      this.#tree.finishFile(fd, metadata);
    } finally {
      this.#files.close(fd);
    }
  }

  /** Content of what has none: of no use, but the archive goes on behind it. */
  async #skip(entry: Entry): Promise<void> {
    if (entry.destroyed) return;
    for await (const _chunk of entry) this.#progress.headerBytes = 0;
  }
}

/** Damage shows as an error of the decompressor or of the archive's reader, neither of which is ours. */
function asRefusal(error: unknown): unknown {
  if (error instanceof RuntimeError) return error;
  const { code, message, data } = error as NodeJS.ErrnoException & { data?: { errno?: unknown } };
  if (data?.errno !== undefined || (typeof code === "string" && /^E[A-Z]+$/.test(code))) return error;
  return unsupported(`a layer is damaged: ${message}`);
}

export async function unpackLayer(job: UnpackJob): Promise<UnpackResult> {
  const files = linuxFiles;
  const blobHash = createHash("sha256");
  const plainHash = createHash("sha256");
  const progress: Progress = { compressedBytes: 0, unpackedBytes: 0, headerBytes: 0 };
  const root = files.open(-100, job.target, { directory: true });
  const tree = new LayerTree(files, root);
  const reader = extract({ filenameEncoding: "latin1" });
  try {
    const layer = new LayerReader(files, tree, job, progress);
    const source = counted(job.blob, blobHash, job.layer.sizeBytes, progress);
    const feeding = feed(job, uncompressed(source, job.layer), plainHash, progress, reader);
    feeding.catch((error: unknown) => reader.destroy(error as Error));
    await Promise.all([feeding, layer.readAll(reader)]);
    if (
      progress.compressedBytes !== job.layer.sizeBytes ||
      `sha256:${blobHash.digest("hex")}` !== job.layer.digest
    ) {
      throw unsupported(`layer ${job.layer.digest} is not what its digest says`);
    }
    if (`sha256:${plainHash.digest("hex")}` !== job.diffId) {
      throw unsupported(`layer ${job.layer.digest} does not unpack to what the image's configuration says`);
    }
    tree.finish();
    const { entries, skippedDevices } = layer;
    return { entries, skippedDevices, unpackedBytes: progress.unpackedBytes, opaqueRoot: tree.opaqueRoot };
  } catch (error) {
    throw asRefusal(error);
  } finally {
    reader.destroy();
    tree.close();
    files.close(root);
  }
}
