/** Every limit of the store, with its reason. Those marked (format) are part of version 1 of the formats. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** (format) A file up to this size is one chunk: cutting it finer would cost more in ids than it saves. */
export const wholeFileBytesMax = 64 * KiB;

/** (format) Chunk sizes of larger files; see `chunk/chunker.ts`. */
export const chunkBytesMin = 16 * KiB;
export const chunkBytesAverage = 64 * KiB;
export const chunkBytesMax = 256 * KiB;

/** (format) Any object in a pack, tree nodes and chunk lists included. Bounds what a reader must allocate. */
export const objectBytesMax = 16 * MiB;

/**
 * A frame is closed when it holds this much. Of a node_modules of 95,000 files, a store with frames of 256 KiB takes 150.8 MB, and one
 * with frames of 128 KiB 157.4 MB; beyond, the ratio hardly grows, and the cost of reading one chunk does.
 */
export const frameBytesTarget = 256 * KiB;

/**
 * The same for packs of trees, of which few nodes are read at a time, each somewhere else: most of a node are ids, which do not
 * compress, so small frames cost little.
 */
export const treeFrameBytesTarget = 32 * KiB;

/** A pack is closed when it holds this much: large enough that one fsync a pack is cheap, small enough to rewrite. */
export const packBytesTarget = 32 * MiB;

/** (format) Offsets in a pack are 32 bits; a reader refuses longer packs. */
export const packBytesMax = 256 * MiB;

/** (format) A directory whose entries encode to at most this is one tree node; larger ones are split. */
export const treeLeafBytesMax = 64 * KiB;

/** (format) A split directory starts a new leaf after a name whose hash ends in this many zero bits. */
export const treeLeafSplitBits = 8;

/** (format) A chunk list node ends after a chunk id whose last bits are zero, or at this many items. */
export const listSplitBits = 9;
export const listItemsMax = 2048;
/** (format) Levels of chunk lists: 2048 ** 4 chunks exceed any file. */
export const listDepthMax = 4;

/** (format) Linux names are at most this long. */
export const nameBytesMax = 255;
/** (format) Linux symlink targets are at most this long. */
export const symlinkBytesMax = 4095;
/** (format) Linux limits: name 255, value 64 KiB. */
export const xattrValueBytesMax = 64 * KiB;
/** (format) All xattrs of one entry together; the kernel's own list is at most 64 KiB of names. */
export const xattrsBytesMax = 1 * MiB;

/** Records, refs and descriptions are a few KiB at most. What is longer is damaged, and not read into memory. */
export const smallFileBytesMax = 64 * KiB;
/** A lease has 70 bytes for each pack of its writer: 900,000 packs of 32 MiB. */
export const leaseBytesMax = 64 * MiB;
/** Files of `cache/` that are longer are made anew; Node 20 gives one buffer 4 GiB. */
export const cacheBytesMax = 2048 * MiB;

/** Of a directory with more than some 20 million entries the last walk is not kept: what is kept is held in memory. */
export const walkBytesMax = 1024 * MiB;

/** (format) Times are signed varints of at most 53 bits; 142 million years suffice. */
export const mtimeSecondsMax = 2 ** 52 - 1;

/** (format) Directories below one another. Each level holds an open descriptor while it is read, made or copied; what is only counted or removed may be deeper. */
export const treeDepthMax = 2000;

/** Characters of a snapshot's name and of its comment. */
export const snapshotNameCharactersMax = 64;
export const snapshotCommentBytesMax = 4 * KiB;

/** (format) A snapshot record: the name and the comment are its only long parts. */
export const snapshotRecordBytesMax = 8 * KiB;

/** (format) Snapshots in one bundle. With their records they fit one section. */
export const bundleSnapshotsMax = 1000;
/** (format) One section of a bundle; the largest holds one object. Bounds what a reader must hold. */
export const bundleSectionBytesMax = objectBytesMax + 1 * MiB;

/** A pack with a larger dead share than this is rewritten by collection. */
export const deadShareMax = 0.1;

/** A frame of which less than this is needed is compressed anew by a full collection. */
export const thinShareMax = 0.5;

/** Filesystems give space to files in blocks of this size, with few exceptions. */
export const allocationBytes = 4 * KiB;

/** Index segments beyond this are merged, so that a lookup asks few tables. */
export const indexSegmentsMax = 8;
/** Merging makes no segment longer than this: 2.9 GB, well below the 4 GiB that one buffer of Node 20 may have. */
export const segmentRowsMax = 2 ** 26;
/** Rows of packs that no segment names yet are kept in memory up to this many, 46 MB, and then written as a segment. Those that are found when a store is opened, all of them until something is stored. */
export const looseRowsMax = 2 ** 20;
/** Rows of packs that a check compares with segments at a time, 92 MB: the fewer they are, the more often segments are read. */
export const comparedRowsMax = 2 ** 21;
/** Snapshot records kept in memory, some 500 bytes each: every list of snapshots asks for all of its scope. */
export const recordsKept = 10_000;
/**
 * Rows in a block of a segment, up to twice as many: large enough that digests weigh little, small enough to read for one row. A
 * difference of trees looks up a few rows, each in another block.
 */
export const segmentBlockRows = 128;
/** (format) A segment has at most 2 to this power of blocks. */
export const segmentBitsMax = 16;

/** Layers under one disk before a chain is compacted; the kernel takes one page of mount options and looks through all. */
export const layersMax = 64;
