/** One pull, from the question what a reference means to the record of the image. Nothing counts before the record stands. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linuxFiles } from "@chaser/store/files";
import type { HostUser } from "../sandbox/spec.js";
import { accountFiles } from "./account-files.js";
import { parseConfig, type ImageConfig } from "./config.js";
import { digestOf, makeOwnedDirectory, readConfig, syncFilesystem } from "./files.js";
import { encodeImage, layerId, mountedLayers, type Image, type ImageLayer } from "./image.js";
import { findInLayers } from "./layer-stack.js";
import { ACCOUNT_FILE_BYTES_MAX, type ImageLimits } from "./limits.js";
import {
  choosePlatform,
  imageArchitecture,
  parseManifest,
  type ImageManifest,
  type LayerDescriptor,
} from "./manifest.js";
import { canonicalText, type ImageReference } from "./reference.js";
import { unsupported } from "./refuse.js";
import { fetchImage, fetchManifest, type SkopeoOptions } from "./skopeo.js";
import { unpackInProcess } from "./unpacker.js";

export interface PullProgress {
  phase: "resolve" | "fetch" | "unpack";
  /** Compressed bytes fetched, or of layers unpacked. */
  bytes: number;
  /** Null while not known. */
  totalBytes: number | null;
}

export interface PullPlan {
  reference: ImageReference;
  /** For this pull alone; its caller removes it. */
  directory: string;
  layersDirectory: string;
  limits: ImageLimits;
  owner: HostUser | null;
  insecureRegistries: readonly string[];
  privateRegistries: readonly string[];
  authFile: string | null;
  signal: AbortSignal;
  onProgress: (progress: PullProgress) => void;
  known: (digest: string) => Image | null;
  recordPath: (digest: string) => string;
  hasLayer: (diffId: string) => boolean;
  /** The layer, which `unpack` brings about where it is not there yet. */
  provideLayer: (diffId: string, unpack: () => Promise<ImageLayer>) => Promise<ImageLayer>;
}

export class Pull {
  readonly #plan: PullPlan;
  readonly #skopeo: SkopeoOptions;
  readonly #architecture = imageArchitecture();

  constructor(plan: PullPlan) {
    this.#plan = plan;
    const { insecureRegistries, privateRegistries, directory, authFile, limits } = plan;
    const downloadBytesMax = limits.downloadBytes;
    this.#skopeo = { insecureRegistries, privateRegistries, directory, authFile, downloadBytesMax };
  }

  async run(): Promise<Image> {
    const { reference, onProgress, known } = this.#plan;
    onProgress({ phase: "resolve", bytes: 0, totalBytes: null });
    const resolved = reference.kind === "registry" ? await this.#resolve() : null;
    const here = resolved === null ? null : known(resolved.digest);
    if (here !== null) return here;
    const totalBytes = resolved === null ? null : this.#assertSize(resolved.manifest);
    const fetched = await this.#fetch(resolved?.digest ?? null, totalBytes);
    const fetchedHere = known(fetched.digest);
    if (fetchedHere !== null) return fetchedHere;
    const config = this.#config(fetched.manifest);
    const layers = await this.#layers(fetched.manifest, config);
    return this.#record(fetched.digest, config, layers);
  }

  /** What a registry says a reference means for this machine. */
  async #resolve(): Promise<{ digest: string; manifest: ImageManifest }> {
    const { reference, signal } = this.#plan;
    let wanted = reference.kind === "registry" ? reference.digest : null;
    // An index, then an image: an index of indexes is not a thing.
    for (const mayBeIndex of [true, false]) {
      const bytes = await fetchManifest(reference, wanted, this.#skopeo, signal);
      const digest = digestOf(bytes);
      if (wanted !== null && digest !== wanted)
        throw unsupported(`the registry answers ${wanted} with ${digest}`);
      const document = parseManifest(bytes);
      if (document.kind === "image") return { digest, manifest: document };
      if (mayBeIndex) wanted = choosePlatform(document, this.#architecture);
    }
    throw unsupported("the image is an index of indexes");
  }

  #assertSize(manifest: ImageManifest): number {
    const { downloadBytes } = this.#plan.limits;
    const totalBytes = manifest.layers.reduce(
      (sum, { sizeBytes }) => sum + sizeBytes,
      manifest.config.sizeBytes,
    );
    if (totalBytes <= downloadBytes) return totalBytes;
    throw unsupported(
      `the image is ${String(totalBytes)} bytes to fetch, more than ${String(downloadBytes)}`,
    );
  }

  async #fetch(
    digest: string | null,
    totalBytes: number | null,
  ): Promise<{ digest: string; manifest: ImageManifest }> {
    const { reference, signal, onProgress } = this.#plan;
    const directory = this.#blobs;
    makeOwnedDirectory(directory, 0o755, null);
    await fetchImage(
      reference,
      digest,
      { directory, architecture: this.#architecture },
      {
        ...this.#skopeo,
        signal,
        onBytes: (bytes) => onProgress({ phase: "fetch", bytes, totalBytes }),
      },
    );
    const bytes = readFileSync(join(directory, "manifest.json"));
    const found = digestOf(bytes);
    if (digest !== null && found !== digest)
      throw unsupported(`${digest} was asked for and ${found} was fetched`);
    const document = parseManifest(bytes);
    if (document.kind === "index") throw unsupported("the image is an index of indexes");
    this.#assertSize(document);
    return { digest: found, manifest: document };
  }

  get #blobs(): string {
    return join(this.#plan.directory, "fetched");
  }

  #blob(digest: string): string {
    return join(this.#blobs, digest.replace("sha256:", ""));
  }

  #config(manifest: ImageManifest): ImageConfig {
    const bytes = readConfig(this.#blob(manifest.config.digest), manifest.config);
    return parseConfig(bytes, this.#architecture, manifest.layers.length);
  }

  /** One after the other: each is bound by the disk or a processor, and the caps are for all together. */
  async #layers(manifest: ImageManifest, config: ImageConfig): Promise<ImageLayer[]> {
    const { limits, provideLayer, onProgress } = this.#plan;
    const totalBytes = manifest.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const layers: ImageLayer[] = [];
    let bytes = 0;
    let left = { unpackedBytes: limits.unpackedBytes, entries: limits.entries };
    for (const [index, layer] of manifest.layers.entries()) {
      onProgress({ phase: "unpack", bytes, totalBytes });
      const diffId = config.diffIds[index] as string;
      const provided = await provideLayer(diffId, () => this.#unpack(layer, diffId, left));
      bytes += layer.sizeBytes;
      left = {
        unpackedBytes: left.unpackedBytes - provided.unpackedBytes,
        entries: left.entries - provided.entries,
      };
      if (left.unpackedBytes < 0 || left.entries < 0)
        throw unsupported("the image's layers are too much together");
      layers.push(provided);
    }
    onProgress({ phase: "unpack", bytes, totalBytes });
    return layers;
  }

  async #unpack(
    layer: LayerDescriptor,
    diffId: string,
    left: { unpackedBytes: number; entries: number },
  ): Promise<ImageLayer> {
    const { directory, layersDirectory, limits, owner, signal } = this.#plan;
    const id = layerId(diffId);
    const target = join(directory, id);
    makeOwnedDirectory(target, 0o755, owner);
    const { unpackedBytes, entries, opaqueRoot } = await unpackInProcess(
      {
        blob: this.#blob(layer.digest),
        layer,
        diffId,
        target,
        unpackedBytesMax: left.unpackedBytes,
        entriesMax: left.entries,
        ratioMax: limits.ratio,
      },
      { owner, signal },
    );
    // Durable with the record: a layer that no record names is removed at the next start.
    renameSync(target, join(layersDirectory, id));
    return { id, diffId, unpackedBytes, entries, opaqueRoot };
  }

  #record(digest: string, config: ImageConfig, layers: ImageLayer[]): Image {
    const { reference, layersDirectory, recordPath } = this.#plan;
    const stack = mountedLayers({ layers }).map((id) => join(layersDirectory, id));
    const find = (path: string): ReturnType<typeof findInLayers> =>
      findInLayers(
        linuxFiles,
        stack,
        path.split("/").filter((name) => name !== ""),
        ACCOUNT_FILE_BYTES_MAX,
      );
    const { workingDirectory, environment, user } = config;
    const hasBash = ["bin/bash", "usr/bin/bash"].some((path) => find(path) !== null);
    const isDirectory = workingDirectory !== null && find(workingDirectory)?.stat.type === "directory";
    const accounts = accountFiles(
      { passwd: find("etc/passwd")?.content ?? null, group: find("etc/group")?.content ?? null },
      { user, shell: hasBash ? "/bin/bash" : "/bin/sh" },
    );
    const image: Image = {
      digest,
      reference: canonicalText(reference),
      layers,
      environment: { ...environment, USER: accounts.user, LOGNAME: accounts.user },
      workingDirectory: isDirectory ? workingDirectory : null,
      user,
      passwd: accounts.passwd,
      group: accounts.group,
    };
    const path = recordPath(digest);
    const fresh = join(this.#plan.directory, "record.json");
    writeFileSync(fresh, encodeImage(image));
    // All layers, whoever unpacked them, before the name of the record. That this name is lost would only cost a pull.
    syncFilesystem(layersDirectory);
    renameSync(fresh, path);
    return image;
  }
}
