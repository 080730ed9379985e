/** An image that is unpacked on this machine, and the file that says so. */
import { isDigest } from "./reference.js";
import { parseObject } from "./manifest.js";

export interface ImageLayer {
  /** Its directory's name. */
  id: string;
  diffId: string;
  unpackedBytes: number;
  entries: number;
  opaqueRoot: boolean;
}

export interface Image {
  /** Of the manifest for this machine: what workspaces are pinned to. */
  digest: string;
  /** As it was asked for, in full. */
  reference: string;
  /** From the lowest on. */
  layers: ImageLayer[];
  environment: Record<string, string>;
  /** Null when there is none, or when it is no plain directory of the image. */
  workingDirectory: string | null;
  /** What the image would run as. Commands are uid 1000, under its name where the image has it. */
  user: string | null;
  /** Contents of `/etc/passwd` and `/etc/group`, with the sandbox's user. */
  passwd: string;
  group: string;
}

/**
 * What is mounted, topmost first: nothing below a layer that hides all, and each layer once, because the kernel takes none twice. Of a layer
 * that comes again further down, all that it would show or hide there is shown and hidden further up.
 */
export function mountedLayers(image: Pick<Image, "layers">): string[] {
  const topmostFirst = [...image.layers].reverse();
  const hiding = topmostFirst.findIndex(({ opaqueRoot }) => opaqueRoot);
  const seen = topmostFirst.slice(0, hiding === -1 ? undefined : hiding + 1);
  return [...new Set(seen.map(({ id }) => id))];
}

/** Directories are named by half of the digest, so that the names of all layers fit into one mount. */
export function layerId(diffId: string): string {
  return diffId.slice("sha256:".length, "sha256:".length + 24);
}

const VERSION = 1;

export function encodeImage(image: Image): string {
  return `${JSON.stringify({ version: VERSION, ...image }, null, 2)}\n`;
}

/** Null for what another version wrote, or what is damaged: the image is then pulled anew. */
export function decodeImage(bytes: Uint8Array): Image | null {
  try {
    const { version, ...image } = parseObject("record", bytes) as unknown as Image & { version: number };
    return version === VERSION && isDigest(image.digest) && Array.isArray(image.layers) ? image : null;
  } catch {
    return null;
  }
}
