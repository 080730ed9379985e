/** What an image says of itself: the documents that a registry gives, checked field by field. Pure; codes `image_unsupported`. */
import { LAYERS_MAX } from "./limits.js";
import { isDigest } from "./reference.js";
import { unsupported } from "./refuse.js";

export type Compression = "none" | "gzip" | "zstd";

export interface LayerDescriptor {
  digest: string;
  sizeBytes: number;
  compression: Compression;
}

export interface ImageManifest {
  config: { digest: string; sizeBytes: number };
  /** From the lowest on. */
  layers: LayerDescriptor[];
}

export type ManifestDocument =
  | ({ kind: "image" } & ImageManifest)
  | { kind: "index"; manifests: { digest: string; platform: Record<string, unknown> }[] };

const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const IMAGE_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIG_TYPES = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
/** No object, which has a "constructor" that nobody put there. */
const LAYER_TYPES: ReadonlyMap<unknown, Compression> = new Map([
  ["application/vnd.oci.image.layer.v1.tar", "none"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
]);

type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function parseObject(what: string, bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw unsupported(`the ${what} is not JSON`);
  }
  if (!isObject(value)) throw unsupported(`the ${what} is not a JSON object`);
  return value;
}

function listOf(what: string, value: unknown): Json[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw unsupported(`${what} is not a list of objects`);
  return value;
}

function descriptor(what: string, value: unknown): { digest: string; sizeBytes: number; mediaType: unknown } {
  if (!isObject(value)) throw unsupported(`${what} is missing`);
  const { digest, size, mediaType } = value;
  if (!isDigest(digest)) throw unsupported(`${what} has no sha256 digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw unsupported(`${what} has no size`);
  return { digest, sizeBytes: size, mediaType };
}

/** An image, or the index of the same image for several machines. */
export function parseManifest(bytes: Uint8Array): ManifestDocument {
  const document = parseObject("manifest", bytes);
  const { schemaVersion, mediaType, manifests, layers } = document;
  if (schemaVersion !== 2)
    throw unsupported(`manifest version ${JSON.stringify(schemaVersion)} is not supported`);
  // A document that is both could be read as one thing here and as another elsewhere (CVE-2021-41190).
  if (manifests !== undefined && layers !== undefined)
    throw unsupported("the manifest is an image and an index at once");
  const kind = manifests === undefined ? "image" : "index";
  const types = kind === "image" ? IMAGE_TYPES : INDEX_TYPES;
  if (mediaType !== undefined && !types.includes(mediaType as string)) {
    throw unsupported(`manifest type ${JSON.stringify(mediaType)} is not supported`);
  }
  if (kind === "index") {
    const entries = listOf("the index", manifests).map((entry) => ({
      digest: descriptor("an entry of the index", entry).digest,
      platform: isObject(entry["platform"]) ? entry["platform"] : {},
    }));
    return { kind, manifests: entries };
  }
  const config = descriptor("the image's configuration", document["config"]);
  if (!CONFIG_TYPES.includes(config.mediaType as string)) {
    throw unsupported(
      `this is not a container image: its configuration is ${JSON.stringify(config.mediaType)}`,
    );
  }
  const list = listOf("the list of layers", layers);
  if (list.length === 0 || list.length > LAYERS_MAX) {
    throw unsupported(`${String(list.length)} layers: 1 to ${String(LAYERS_MAX)} are supported`);
  }
  return {
    kind,
    config: { digest: config.digest, sizeBytes: config.sizeBytes },
    layers: list.map((entry, index) => {
      const layer = descriptor(`layer ${String(index)}`, entry);
      const compression = LAYER_TYPES.get(layer.mediaType);
      if (compression === undefined) {
        throw unsupported(`layer ${String(index)}: type ${JSON.stringify(layer.mediaType)} is not supported`);
      }
      return { digest: layer.digest, sizeBytes: layer.sizeBytes, compression };
    }),
  };
}

/** Node's names of processors, as images call them. */
const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64" };

export function imageArchitecture(processor: string = process.arch): string {
  return ARCHITECTURES[processor] ?? processor;
}

/** The entry of an index for this machine. Code `image_unsupported` when there is none. */
export function choosePlatform(
  document: Extract<ManifestDocument, { kind: "index" }>,
  architecture: string,
): string {
  const fitting = document.manifests.filter(
    ({ platform }) => platform["os"] === "linux" && platform["architecture"] === architecture,
  );
  // A variant other than the plain one may need instructions that this processor lacks.
  const plain = fitting.find(({ platform }) =>
    [undefined, "", "v8"].includes(platform["variant"] as undefined),
  );
  const chosen = plain ?? fitting[0];
  if (chosen !== undefined) return chosen.digest;
  const offered = document.manifests
    .map(({ platform }) => `${String(platform["os"])}/${String(platform["architecture"])}`)
    .slice(0, 20);
  throw unsupported(`the image is not for linux/${architecture}`, { offered });
}
