/**
 * The images of a machine: each layer once, unpacked, whatever number of images and workspaces stand on it. Registries are
 * the truth and digests say what is meant, so all of it may be removed and pulled again.
 *
 *     layers/<id>/            the tree of one layer, as overlayfs stacks it
 *     records/<digest>.json   an image whose layers are all there; written last
 *     work/<any>/             a pull under way; what a crash left there goes at the next start
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, utimesSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { RuntimeError } from "../errors.js";
import { makeDirectory } from "../platform/directory.js";
import type { HostUser } from "../sandbox/spec.js";
import { decodeImage, layerId, type Image, type ImageLayer } from "./image.js";
import { IMAGE_LIMITS_DEFAULT, PULLS_MAX, type ImageLimits } from "./limits.js";
import { Pull, type PullProgress } from "./pull.js";
import { PRIVATE_REMEDY } from "./reach.js";
import {
  canonicalText,
  isPrivateRegistry,
  parseReference,
  pinnedText,
  type ImageReference,
} from "./reference.js";
import { Slots } from "./slots.js";

export interface ImagesOptions {
  /** For images alone; made when missing. One process at a time. */
  directory: string;
  /** Who unpacks and owns the files when this process is root. Never an account's user, nor root. */
  owner?: HostUser;
  /** `host:port` of registries without TLS or with their own certificate; they may be on a private network. */
  insecureRegistries?: readonly string[];
  /**
   * `host:port`, or `host`, that may be on this machine or a private network: registries, their mirrors, and what they redirect to. All
   * else is reached at public addresses only.
   */
  privateRegistries?: readonly string[];
  /** Directories below which `oci:` and `oci-archive:` may lie. Default: none. */
  localDirectories?: readonly string[];
  /** Credentials for registries. Default: where skopeo looks for them. */
  authFile?: string;
  limits?: Partial<ImageLimits>;
}

export interface PullOptions {
  /** Lets go of the pull, which ends with the last that waits for it. */
  signal?: AbortSignal | undefined;
  /** For whom: pulls of one owner let those of others go first. */
  owner?: string | undefined;
  onProgress?: (progress: PullProgress) => void;
}

interface Running {
  image: Promise<Image>;
  listeners: Set<(progress: PullProgress) => void>;
  waiting: number;
  /** Nobody waits any more. */
  left: AbortController;
}

export class Images {
  readonly directory: string;
  readonly #options: ImagesOptions;
  readonly #limits: ImageLimits;
  readonly #images = new Map<string, Image>();
  /** Those that can be joined. */
  readonly #running = new Map<string, Running>();
  /** All that are not over, those that are being given up included. */
  readonly #pulls = new Set<Promise<Image>>();
  /** Layers unpacked, or being so, for images without a record yet, by diff id: two that share one wait for the same. */
  readonly #unpacking = new Map<string, Promise<ImageLayer>>();
  /** Layers that a pull relies on before its record stands. */
  readonly #held = new Map<string, number>();
  readonly #slots = new Slots(PULLS_MAX);
  readonly #closing = new AbortController();

  private constructor(options: ImagesOptions) {
    this.directory = options.directory;
    this.#options = options;
    this.#limits = { ...IMAGE_LIMITS_DEFAULT, ...options.limits };
  }

  /** Removes what a crash left, and what another version wrote. */
  static open(options: ImagesOptions): Images {
    if (!isAbsolute(options.directory)) {
      throw new RuntimeError(
        "invalid_argument",
        `image directory ${JSON.stringify(options.directory)} is not absolute`,
      );
    }
    const images = new Images(options);
    // Sandboxes of root's run as other users, who have to pass.
    makeDirectory(images.directory, 0o711);
    rmSync(images.#path("work"), { recursive: true, force: true });
    for (const name of ["layers", "records", "work"]) makeDirectory(images.#path(name), 0o711);
    images.#load();
    images.#removeUnneededLayers();
    return images;
  }

  get layersDirectory(): string {
    return this.#path("layers");
  }

  /** Who owns the files of layers; null: this process's user. */
  get owner(): HostUser | null {
    return this.#options.owner ?? null;
  }

  /** An image that is here. */
  get(digest: string): Image | null {
    return this.#images.get(digest) ?? null;
  }

  list(): Image[] {
    return [...this.#images.values()];
  }

  /**
   * Asks what a reference means now, and fetches what of it is not here. One that names a digest is not asked for again.
   * Codes `invalid_argument`, `image_not_found`, `image_unsupported`, `image_failed`, `sandbox_unavailable` (no skopeo).
   */
  async pull(text: string, options: PullOptions = {}): Promise<Image> {
    const reference = parseReference(text);
    this.#assertAllowed(reference);
    const known =
      reference.kind === "registry" && reference.digest !== null ? this.get(reference.digest) : null;
    if (known !== null) return this.#used(known);
    const key = canonicalText(reference);
    const { onProgress, signal, owner = "" } = options;
    signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, reference, owner);
    running.waiting += 1;
    if (onProgress !== undefined) running.listeners.add(onProgress);
    try {
      return await (signal === undefined ? running.image : untilAborted(running.image, signal));
    } finally {
      if (onProgress !== undefined) running.listeners.delete(onProgress);
      running.waiting -= 1;
      if (running.waiting === 0) this.#leave(key, running);
    }
  }

  /**
   * The image that a workspace is pinned to, fetched again where it is not here any more. Codes as for `pull`; `image_not_found`
   * also when a local directory holds another image by now.
   */
  async provide(pinned: { reference: string; digest: string }, options: PullOptions = {}): Promise<Image> {
    const here = this.get(pinned.digest);
    if (here !== null) return this.#used(here);
    const image = await this.pull(pinnedText(parseReference(pinned.reference), pinned.digest), options);
    if (image.digest === pinned.digest) return image;
    throw new RuntimeError("image_not_found", `${pinned.reference} is no longer the image ${pinned.digest}`);
  }

  /** Removes images that are not in `keep` and were not used since `beforeMs`. Returns how many. */
  collect(keep: ReadonlySet<string>, beforeMs: number): number {
    let removed = 0;
    for (const { digest } of this.list()) {
      if (keep.has(digest)) continue;
      const record = this.#recordPath(digest);
      if ((statSync(record, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= beforeMs) continue;
      // The record first: an image without one is nothing.
      rmSync(record, { force: true });
      this.#images.delete(digest);
      removed += 1;
    }
    if (removed > 0) this.#removeUnneededLayers();
    return removed;
  }

  /** Ends what is being pulled. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new RuntimeError("runtime_closed", "the images are closed"));
    await Promise.allSettled(this.#pulls);
  }

  #path(name: string): string {
    return join(this.directory, name);
  }

  #recordPath(digest: string): string {
    return join(this.#path("records"), `${digest.replace("sha256:", "")}.json`);
  }

  #load(): void {
    for (const name of readdirSync(this.#path("records"))) {
      const path = join(this.#path("records"), name);
      const image = decodeImage(readFileSync(path));
      const whole = image?.layers.every(({ id }) =>
        statSync(join(this.layersDirectory, id), { throwIfNoEntry: false }),
      );
      if (image !== null && whole === true) this.#images.set(image.digest, image);
      else rmSync(path, { force: true });
    }
  }

  #removeUnneededLayers(): void {
    const needed = new Set(this.list().flatMap(({ layers }) => layers.map(({ id }) => id)));
    for (const diffId of this.#held.keys()) needed.add(layerId(diffId));
    for (const id of readdirSync(this.layersDirectory)) {
      if (!needed.has(id)) rmSync(join(this.layersDirectory, id), { recursive: true, force: true });
    }
  }

  /** Its record's time says when it was last asked for. */
  #used(image: Image): Image {
    const now = new Date();
    utimesSync(this.#recordPath(image.digest), now, now);
    return image;
  }

  #assertAllowed(reference: ImageReference): void {
    if (reference.kind === "registry") {
      const { registry } = reference;
      const { insecureRegistries = [], privateRegistries = [] } = this.#options;
      const named = [...insecureRegistries, ...privateRegistries];
      if (!isPrivateRegistry(registry) || named.includes(registry)) return;
      throw new RuntimeError(
        "image_not_found",
        `registry ${registry} is on this machine or a private network`,
        { remedy: PRIVATE_REMEDY },
      );
    }
    const allowed = (this.#options.localDirectories ?? []).some((directory) => {
      const path = realPath(reference.path);
      return path !== null && `${path}/`.startsWith(`${realPath(directory) ?? directory}/`);
    });
    if (allowed) return;
    throw new RuntimeError(
      "image_not_found",
      "images in directories of the server's machine are not allowed",
      {
        remedy: "whoever runs the server can allow a directory: chaser serve --image-directory DIRECTORY",
      },
    );
  }

  /** Whoever asks next begins anew, and does not wait for what is being given up. */
  #leave(key: string, running: Running): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
    running.left.abort(new RuntimeError("image_failed", "nobody waits for the image any more"));
  }

  #start(key: string, reference: ImageReference, owner: string): Running {
    const left = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, left.signal]);
    const listeners: Running["listeners"] = new Set();
    const report = (progress: PullProgress): void => listeners.forEach((listener) => listener(progress));
    // Not at once: whoever asked is told of all progress, the first step included.
    const image = Promise.resolve()
      .then(() => this.#slots.run({ owner, signal }, () => this.#pullNow(reference, report, signal)))
      .finally(() => {
        if (this.#running.get(key) === running) this.#running.delete(key);
        this.#pulls.delete(image);
      });
    const running: Running = { image, listeners, waiting: 0, left };
    this.#running.set(key, running);
    this.#pulls.add(image);
    // Everybody who waits may have let go of it.
    image.catch(() => undefined);
    return running;
  }

  async #pullNow(
    reference: ImageReference,
    onProgress: (progress: PullProgress) => void,
    ended: AbortSignal,
  ): Promise<Image> {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(this.#limits.pullMs)]);
    const directory = join(this.#path("work"), randomUUID());
    mkdirSync(directory, { mode: 0o711 });
    const held: string[] = [];
    try {
      const image = await new Pull({
        reference,
        directory,
        limits: this.#limits,
        owner: this.owner,
        insecureRegistries: this.#options.insecureRegistries ?? [],
        privateRegistries: this.#options.privateRegistries ?? [],
        authFile: this.#options.authFile ?? null,
        signal,
        onProgress,
        known: (digest) => this.get(digest),
        recordPath: (digest) => this.#recordPath(digest),
        layersDirectory: this.layersDirectory,
        provideLayer: (diffId, unpack) => {
          held.push(diffId);
          this.#held.set(diffId, (this.#held.get(diffId) ?? 0) + 1);
          return this.#provideLayer(diffId, unpack);
        },
        hasLayer: (diffId) => this.#knownLayer(diffId) !== null,
      }).run();
      this.#images.set(image.digest, image);
      return this.#used(image);
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === "TimeoutError";
      throw timedOut ? new RuntimeError("image_failed", "pulling the image took too long") : error;
    } finally {
      for (const diffId of held) {
        const count = (this.#held.get(diffId) ?? 1) - 1;
        if (count > 0) this.#held.set(diffId, count);
        else for (const of of [this.#held, this.#unpacking]) of.delete(diffId);
      }
      rmSync(directory, { recursive: true, force: true });
      // Of a pull that failed half way: the next one would find them in its way.
      this.#removeUnneededLayers();
    }
  }

  #knownLayer(diffId: string): ImageLayer | null {
    for (const { layers } of this.#images.values()) {
      const layer = layers.find((candidate) => candidate.diffId === diffId);
      if (layer !== undefined) return layer;
    }
    return null;
  }

  async #provideLayer(diffId: string, unpack: () => Promise<ImageLayer>): Promise<ImageLayer> {
    for (;;) {
      const known = this.#knownLayer(diffId);
      if (known !== null) return known;
      const running = this.#unpacking.get(diffId);
      if (running === undefined) break;
      try {
        return await running;
      } catch {
        // Of another pull, which may only have been given up.
      }
    }
    const unpacking = unpack();
    this.#unpacking.set(diffId, unpacking);
    unpacking.catch(() => this.#unpacking.delete(diffId));
    return unpacking;
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
