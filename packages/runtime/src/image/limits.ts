const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** What one image may cost. Everything is counted while it streams, so what lies beyond is never written. */
export interface ImageLimits {
  /** Compressed bytes that are fetched. */
  downloadBytes: number;
  /** Bytes of all layers once unpacked. */
  unpackedBytes: number;
  /** Entries of all layers. */
  entries: number;
  /** Unpacked bytes for each compressed one, from `RATIO_FREE_BYTES` on. */
  ratio: number;
  /** From the first question to the registry to the last layer. */
  pullMs: number;
}

export const IMAGE_LIMITS_DEFAULT: ImageLimits = {
  // The largest images in wide use (drivers and machine learning) take about 10 GB.
  downloadBytes: 12 * GiB,
  unpackedBytes: 30 * GiB,
  entries: 2_000_000,
  // Text compresses 10 to 1; what goes beyond 100 over a whole layer is zeros, or an attack (gzip ends at 1029 to 1).
  ratio: 100,
  pullMs: 30 * 60_000,
};

/** Up to here a layer may unpack to anything: small layers are often one file of zeros. */
export const RATIO_FREE_BYTES = 16 * MiB;

/** What registries take for a manifest. A configuration is of the same order. */
export const MANIFEST_BYTES_MAX = 4 * MiB;
export const CONFIG_BYTES_MAX = 8 * MiB;

/** What skopeo may write to of its memory: it takes some tens of MiB, but reads a manifest of a layout whatever its length. */
export const FETCH_MEMORY_BYTES_MAX = GiB;

/** Docker's own limit; the mount options of so many layers also still fit the page that the kernel takes. */
export const LAYERS_MAX = 127;

/** Headers that belong to one entry (long names, pax records): read into memory as a whole. */
export const HEADER_BYTES_MAX = MiB;

export const NAME_BYTES_MAX = 255;
export const PATH_BYTES_MAX = 4096;
/** Each level costs a system call an entry, and a frame of the stack when it is removed. */
export const PATH_DEPTH_MAX = 128;

/** Environment of an image: a command's own has to fit beside it. */
export const IMAGE_ENVIRONMENT_ENTRIES_MAX = 256;
export const IMAGE_ENVIRONMENT_BYTES_MAX = 64 * 1024;

/** `passwd` and `group` of an image that are longer are left out. */
export const ACCOUNT_FILE_BYTES_MAX = 256 * 1024;

/** Entries of the root directory, each of which is a mount for every command. */
export const ROOT_ENTRIES_MAX = 128;

/** Pulls at the same time, of one owner all but one; each unpacks in a process of its own. */
export const PULLS_MAX = 3;

export const REFERENCE_LENGTH_MAX = 512;
