/**
 * Verifications that no test misses when they are taken away: another one stands behind them, or no test makes what only they
 * refuse. Each with the reason.
 */
export const unseen: ReadonlyMap<string, string> = new Map([
  [
    'disk/capture.js: throw new StoreError("corrupt", "a disk has neither layers nor an upper")',
    "every caller gives a layer or an upper; this is for a mistake of ours",
  ],
  [
    'disk/sealed-json.js: throw new StoreError("corrupt", `${what}: is not JSON`, { cause: error })',
    "what is not JSON is not an object either",
  ],
  [
    'maintenance/bundle-import.js: throw new StoreError("corrupt", `bundle has a section of ${payloadBytes} bytes`)',
    "bounds the memory that waits for a digest; the digest refuses it later",
  ],
  [
    'maintenance/check/disks.js: throw new StoreError("corrupt", `plain disk ${id} stands on a layer`)',
    "no test forges a plain disk with a layer",
  ],
  [
    'pack/format.js: throw new StoreError("corrupt", "pack has no header")',
    "the pack id is the digest of the header, too",
  ],
  [
    'pack/format.js: throw new StoreError("corrupt", `pack kind ${kindNumber} is unknown`)',
    "the pack id is the digest of the kind, too",
  ],
  [
    'pack/frame.js: throw new StoreError("corrupt", "frame has the wrong length")',
    "the length that zstd declares was compared before",
  ],
  [
    'pack/reader.js: throw new StoreError("corrupt", `pack ${expected} is cut short`)',
    "a pack without room for a trailer has no trailer",
  ],
  [
    'pack/reader.js: throw new StoreError("corrupt", "pack ends within a frame")',
    "the digest of the frame refuses what is missing",
  ],
  [
    'snapshot/browse.js: throw new StoreError("corrupt", "chunk has another length than its list says")',
    "the id of the chunk was compared, so only a forged list comes here; the check of trees finds it",
  ],
  [
    'snapshot/new-file.js: throw new StoreError("corrupt", "chunk has another length than its list says")',
    "the id of the chunk was compared, so only a forged list comes here; the check of trees finds it",
  ],
  [
    'tree/closure.js: throw new StoreError("corrupt", `directory ${id.toString("hex")} has other sums than its entry says`)',
    "no test forges a bundle with a directory that lies about its sums",
  ],
  [
    'tree/closure.js: throw new StoreError("corrupt", `directories are nested deeper than ${treeDepthMax}`)',
    "no test forges a bundle with so many directories in one another",
  ],
  [
    'tree/content.js: input.fail("list is too large")',
    "no object is above the limit: packs and bundles refuse them",
  ],
  [
    'tree/directory.js: throw new StoreError("corrupt", "a name below the root is empty")',
    "no test forges an empty name",
  ],
  [
    'tree/directory.js: throw new StoreError("corrupt", `directory ${id.toString("hex")} is cut in the wrong places`)',
    "no test forges a directory with other parts",
  ],
  [
    "tree/node.js: input.fail(`${count} xattrs`)",
    "no test forges so many attributes; their size is limited too",
  ],
  [
    'tree/node.js: input.fail("chunk list is too deep")',
    "a list that is not as deep as said is refused when it is read",
  ],
  ['tree/node.js: input.fail("device number out of range")', "no test forges such a device"],
  [
    'tree/node.js: input.fail("node is too large")',
    "no object is above the limit: packs and bundles refuse them",
  ],
  ['tree/node.js: input.fail("more entries than bytes")', "the bytes end early; this only says so sooner"],
  [
    'pack/segment-format.js: throw new StoreError("store_version_unsupported", `index version ${header.readUInt32LE(8)} is not known`)',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
  [
    'pack/segment-format.js: throw new StoreError("corrupt", `index segment of ${bits} bits`)',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
  [
    'pack/segment-format.js: throw new StoreError("corrupt", "index segment has the wrong length")',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
  [
    'pack/segment-format.js: throw new StoreError("corrupt", "blocks of an index segment are out of order")',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
  [
    'pack/segment-format.js: throw new StoreError("corrupt", "blocks of an index segment do not add up")',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
  [
    'pack/segment-format.js: throw new StoreError("corrupt", "index segment names a pack that cannot be")',
    "the digest of the head refuses damage; no test forges a head with a right digest",
  ],
]);
