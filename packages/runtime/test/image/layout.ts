/** Images made by hand: archives entry by entry, and the OCI layout around them. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack, type Headers } from "tar-stream";
import { compress } from "zstd-napi";
import { imageArchitecture, type Compression } from "../../src/image/manifest.js";

export type TarEntry = Partial<Headers> & {
  name: string;
  content?: string | Buffer;
  pax?: Record<string, string>;
};

export const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export async function tarOf(entries: TarEntry[]): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  archive.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => archive.on("end", resolve));
  for (const { content, ...header } of entries) {
    const bytes = Buffer.from(content ?? "");
    archive.entry({ ...header, size: bytes.length }, bytes);
  }
  archive.finalize();
  await ended;
  return Buffer.concat(chunks);
}

export function compressed(bytes: Buffer, compression: Compression): Buffer {
  if (compression === "none") return bytes;
  return compression === "gzip" ? gzipSync(bytes) : compress(bytes);
}

export interface LayoutLayer {
  tar: Buffer;
  compression?: Compression;
}

export interface LayoutOptions {
  layers: LayoutLayer[];
  config?: Record<string, unknown>;
  architecture?: string;
  /** The last word on a document before it gets its digest. */
  changeConfig?: (config: Record<string, unknown>) => void;
  changeManifest?: (manifest: Record<string, any>) => void;
}

const SUFFIX: Record<Compression, string> = { none: "", gzip: "+gzip", zstd: "+zstd" };

/** Writes an image layout with one image under the tag `latest`. Returns the digest of its manifest. */
export function makeLayout(directory: string, options: LayoutOptions): string {
  const blobs = join(directory, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const digest = sha256(bytes);
    writeFileSync(join(blobs, digest.slice("sha256:".length)), bytes);
    return { digest, size: bytes.length };
  };
  const layers = options.layers.map(({ tar, compression = "gzip" }) => ({
    mediaType: `application/vnd.oci.image.layer.v1.tar${SUFFIX[compression]}`,
    ...put(compressed(tar, compression)),
  }));
  const architecture = options.architecture ?? imageArchitecture();
  const config: Record<string, unknown> = {
    architecture,
    os: "linux",
    config: options.config ?? {},
    rootfs: { type: "layers", diff_ids: options.layers.map(({ tar }) => sha256(tar)) },
  };
  options.changeConfig?.(config);
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...put(Buffer.from(JSON.stringify(config))),
    },
    layers,
  };
  options.changeManifest?.(manifest);
  const described = put(Buffer.from(JSON.stringify(manifest)));
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        ...described,
        platform: { os: "linux", architecture },
        annotations: { "org.opencontainers.image.ref.name": "latest" },
      },
    ],
  };
  writeFileSync(join(directory, "index.json"), JSON.stringify(index));
  writeFileSync(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return described.digest;
}
