/** Syncs and renames without which no power cut, of one process alone, can do harm; with the reason why they are there. */
export const redundant: ReadonlyMap<string, string> = new Map([
  [
    "rename of file in writeCache of saveWalk, in place",
    "what the last walk saw is a cache that is never synced, and carries a digest of itself",
  ],
  [
    "rename of file in writeCache of keepReferences, in place",
    "the counts are a cache that is never synced, and carry a digest of themselves",
  ],
  [
    "rename of file in writeCache of keepCensus, in place",
    "what accounting knows is a cache that is never synced, and carries a digest of itself",
  ],
  [
    "rename of file in moveToTrash of discardPacks, in place",
    "nothing needs what is in a pack that goes, so it does not matter in how many places it is",
  ],
  [
    "rename of file in quarantine of apply, in place",
    "nothing reads what is in quarantine, and what of it was whole is in new packs already",
  ],
  [
    "directory in syncDirectory of takeAway",
    "needed only after another process died deleting; see killed.test.ts",
  ],
  [
    "directory in syncDirectory of #settleLoose",
    "needed only after another process died naming a pack; see pack/index.test.ts",
  ],
  [
    "directory in syncDirectory of buildDisk",
    "needed only after another process died freezing; see killed.test.ts",
  ],
  [
    "directory in removeSnapshot of deleteSnapshot",
    "the ref is durably gone before; a record that comes back is garbage, swept by collection",
  ],
  [
    "directory in syncDirectory of discardPacks",
    "a pack that comes back is read anew and collected again; the sync makes the figure of freed bytes true",
  ],
  [
    "directory in dropSnapshots of deleteDisk",
    "the refs are durably gone before; records that come back are garbage, swept by collection",
  ],
  [
    "directory in syncDirectory of sweep",
    "a layer that comes back is unneeded still, and one in both places is swept again",
  ],
  [
    "rename of file in replace of #replace",
    "a restore promises nothing across a power cut and mends everything when it is done again; restore.test.ts sees one that is missing",
  ],
  [
    "rename of file in replace of #replace, in place",
    "a restore promises nothing across a power cut and mends everything when it is done again",
  ],
]);
