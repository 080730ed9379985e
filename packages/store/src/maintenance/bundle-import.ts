/**
 * Takes a bundle in. The stream is checked as it comes and put aside in a file without a name, so that a slow sender holds no
 * lock and a bundle that was cut leaves nothing. Once its last digest is right, its objects are stored under their own digests,
 * its trees are followed to the end, and only then do the snapshots appear.
 */
import type { SnapshotInfo } from "../api.js";
import { digestBytes, digestKey, hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { bundleSectionBytesMax } from "../limits.js";
import type { ChunkWriter } from "../pack/chunks.js";
import { removeIfPresent, temporaryName } from "../platform/durable.js";
import { anywhere, type Fd, type Files } from "../platform/files.js";
import { treeDigest } from "../snapshot/record.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { ClosureChecker } from "../tree/closure.js";
import { isMetadata } from "../tree/metadata.js";
import { admit, planAdmission } from "./admission.js";
import {
  bundleHeaderBytes,
  checkBundleHeader,
  decodeEnd,
  decodeObjects,
  decodeObjectsHead,
  decodeSnapshots,
  sectionDigest,
  sectionHeadBytes,
  sectionKind,
} from "./bundle-format.js";
import { Incoming } from "./incoming.js";

export interface BundleImportOptions {
  scope: RefScope;
  rename?: Record<string, string> | undefined;
  contentBytesMax?: number | undefined;
}

type DecodedSnapshots = ReturnType<typeof decodeSnapshots>;

interface SpooledSection {
  position: number;
  bytes: number;
}

export class BundleImport {
  readonly #repository: Repository;
  readonly #options: BundleImportOptions;
  #spool: Fd | null;
  #spooledBytes = 0;
  readonly #objectSections: SpooledSection[] = [];
  readonly #incoming = new Incoming();
  /** What is read next: the header, the head of a section, or the rest of the section with this head. */
  #head: Buffer | null = null;
  #digest: Digest | null = null;
  #snapshots: DecodedSnapshots | null = null;
  #counted = { objects: 0, plainBytes: 0 };
  #ended = false;

  constructor(repository: Repository, options: BundleImportOptions) {
    const { files, layout } = repository;
    this.#repository = repository;
    this.#options = options;
    this.#spool = openNameless(files, layout.trash);
  }

  /** The next bytes of the stream. Code `bundle_invalid` as soon as something is wrong with them. */
  push(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    asBundleFault(() => {
      while (this.#step());
    });
  }

  /** Stores what came. Code `bundle_invalid` when the stream was cut, and as `planAdmission` and `admit` say. */
  finish(work: Work): SnapshotInfo[] {
    const section = this.#snapshots;
    if (!this.#ended || section === null) throw new StoreError("bundle_invalid", "bundle ends early");
    const repository = this.#repository;
    const { scope, rename } = this.#options;
    return repository.writing(
      () => planAdmission(repository, scope, section.snapshots, rename),
      (admissions, lease) => {
        if (admissions.every(({ present }) => present)) return admit(repository, admissions);
        return repository.store(
          lease,
          (writer) => {
            work.restart();
            const lengths = asBundleFault(() => this.#store(writer, work));
            this.#check(section, writer, lengths, work);
          },
          () => ({ publish: () => admit(repository, admissions) }),
        );
      },
    );
  }

  /** Idempotent. */
  close(): void {
    if (this.#spool !== null) this.#repository.files.close(this.#spool);
    this.#spool = null;
    this.#incoming.clear();
  }

  /** Deals with the next part of the stream when all of it has come; false when more is needed. */
  #step(): boolean {
    if (this.#ended && this.#incoming.length > 0)
      throw new StoreError("corrupt", "bundle goes on after its end");
    if (this.#digest === null) {
      const header = this.#incoming.take(bundleHeaderBytes);
      if (header === null) return false;
      checkBundleHeader(header);
      this.#digest = hash(header);
      return true;
    }
    this.#head ??= this.#incoming.take(sectionHeadBytes);
    if (this.#head === null) return false;
    const payloadBytes = this.#head.readUInt32LE(1);
    if (payloadBytes > bundleSectionBytesMax) {
      throw new StoreError("corrupt", `bundle has a section of ${payloadBytes} bytes`);
    }
    const rest = this.#incoming.take(payloadBytes + digestBytes);
    if (rest === null) return false;
    const payload = rest.subarray(0, payloadBytes);
    const digest = sectionDigest(this.#digest, this.#head, payload);
    if (!digest.equals(rest.subarray(payloadBytes))) {
      throw new StoreError("corrupt", "a section of the bundle does not match its digest");
    }
    this.#section(this.#head.readUInt8(0), payload);
    this.#digest = digest;
    this.#head = null;
    return true;
  }

  #section(kind: number, payload: Buffer): void {
    if ((kind === sectionKind.snapshots) !== (this.#snapshots === null)) {
      throw new StoreError("corrupt", "sections of the bundle are out of order");
    }
    switch (kind) {
      case sectionKind.snapshots:
        this.#snapshots = decodeSnapshots(payload);
        // Told at the start rather than after everything was sent.
        planAdmission(this.#repository, this.#options.scope, this.#snapshots.snapshots, this.#options.rename);
        break;
      case sectionKind.objects: {
        const { lengths, plainBytes } = decodeObjectsHead(payload);
        this.#counted.objects += lengths.length;
        this.#counted.plainBytes += plainBytes;
        const most = this.#options.contentBytesMax ?? Infinity;
        if (this.#counted.plainBytes > most) {
          throw new StoreError("too_large", `bundle holds more than ${most} bytes`, { data: { most } });
        }
        this.#repository.files.write(this.#openSpool(), payload, this.#spooledBytes);
        this.#objectSections.push({ position: this.#spooledBytes, bytes: payload.length });
        this.#spooledBytes += payload.length;
        break;
      }
      case sectionKind.end: {
        const { objects, plainBytes } = decodeEnd(payload);
        if (objects !== this.#counted.objects || plainBytes !== this.#counted.plainBytes) {
          throw new StoreError("corrupt", "bundle holds more or less than its end says");
        }
        this.#ended = true;
        break;
      }
      default:
        throw new StoreError("corrupt", `section kind ${kind} of the bundle is unknown`);
    }
  }

  #openSpool(): Fd {
    if (this.#spool === null) throw new StoreError("closed", "the import has ended");
    return this.#spool;
  }

  /** Puts all objects into the writer; gives their lengths. */
  #store(writer: ChunkWriter, work: Work): Map<string, number> {
    const lengths = new Map<string, number>();
    for (const { position, bytes } of this.#objectSections) {
      const payload = Buffer.alloc(bytes);
      if (this.#repository.files.read(this.#openSpool(), payload, position) !== bytes) {
        throw new StoreError("io_error", "the file that the bundle was put aside in is shorter than written");
      }
      for (const object of decodeObjects(payload)) {
        // A file may have the bytes of a node, and the node is read back before all is stored: the writer keeps it for that.
        const kind = isMetadata(object.bytes) ? "tree" : object.kind;
        const key = digestKey(writer.put(kind, object.bytes));
        if (lengths.has(key)) throw new StoreError("corrupt", "bundle holds an object twice");
        lengths.set(key, object.bytes.length);
        work.addBytes(object.bytes.length);
      }
    }
    return lengths;
  }

  /** Every object that the snapshots need is in the bundle or here, every object in the bundle is needed, and the records tell the truth. */
  #check(
    { bases, snapshots }: DecodedSnapshots,
    writer: ChunkWriter,
    lengths: Map<string, number>,
    work: Work,
  ): void {
    const needed = new Set<string>();
    const checker = new ClosureChecker(
      {
        get: (id) => writer.get(id),
        lengthOf: (id) => {
          const key = digestKey(id);
          const length = lengths.get(key);
          if (length === undefined) return writer.stored(id);
          needed.add(key);
          return length;
        },
      },
      () => work.step(),
    );
    try {
      asBundleFault(() => {
        for (const snapshot of snapshots) {
          const sums = checker.check(treeDigest(snapshot.tree));
          const agrees =
            sums.files === snapshot.files &&
            sums.directories === snapshot.directories &&
            sums.logicalBytes === snapshot.logicalBytes;
          if (!agrees) {
            const name = JSON.stringify(snapshot.name);
            throw new StoreError("corrupt", `record of ${name} has other sums than its tree`);
          }
        }
        if (needed.size < lengths.size) {
          throw new StoreError("corrupt", `${lengths.size - needed.size} objects belong to no snapshot`);
        }
      });
    } catch (error) {
      const missing = error instanceof StoreError && error.data["missing"] === true;
      if (!missing || bases.length === 0) throw error;
      throw new StoreError(
        "bundle_base_missing",
        "bundle builds on a snapshot that is not in this store: import that one first, or export without a base",
        { cause: error, data: { trees: bases.map((base) => base.toString("hex")) } },
      );
    }
  }
}

/** A file that goes with its descriptor. In the trash, because a power cut may bring its name back. */
function openNameless(files: Files, trash: string): Fd {
  const path = `${trash}/${temporaryName()}`;
  const fd = files.open(anywhere, path, { access: "create" });
  try {
    // Somebody may just be emptying the trash.
    removeIfPresent(files, anywhere, path);
    return fd;
  } catch (error) {
    files.close(fd);
    throw error;
  }
}

/** What decoders call `corrupt` is about the bundle here, not about the store. */
function asBundleFault<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof StoreError) || !["corrupt", "chunk_missing"].includes(error.code)) throw error;
    throw new StoreError("bundle_invalid", `bundle cannot be used: ${error.message}`, {
      cause: error,
      data: { missing: error.code === "chunk_missing" },
    });
  }
}
