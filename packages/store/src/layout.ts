/** Where things are in a store directory. */

export interface Layout {
  root: string;
  /** Says what the directory is and which formats it holds; written last when a store is made. */
  formatFile: string;
  packs: string;
  index: string;
  /** Snapshot records, named by their id. */
  records: string;
  refs: string;
  layers: string;
  disks: string;
  /** Speeds up and means nothing; made when first needed, and may be deleted at any time. */
  cache: string;
  /** Damaged files that a repair has put aside; made when first needed, read by nobody, and never emptied. */
  quarantine: string;
  /** What was deleted and is still to be removed; may be emptied at any time. */
  trash: string;
  /** The locks below, and the leases of what runs at present. */
  locks: string;
  /** Held shared for a moment by whoever begins to rely on objects or makes them visible, and exclusively by who takes them away. */
  objectsLock: string;
  /** Held exclusively by a collection from its beginning to its end. */
  collectLock: string;
  refsLock: string;
  /** Held while a disk's description changes hands: creation and deletion of disks and layers. */
  disksLock: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    formatFile: `${root}/format.json`,
    packs: `${root}/packs`,
    index: `${root}/index`,
    records: `${root}/snapshots`,
    refs: `${root}/refs`,
    layers: `${root}/layers`,
    disks: `${root}/disks`,
    cache: `${root}/cache`,
    quarantine: `${root}/quarantine`,
    trash: `${root}/trash`,
    locks: `${root}/locks`,
    objectsLock: `${root}/locks/objects`,
    collectLock: `${root}/locks/collect`,
    refsLock: `${root}/locks/refs`,
    disksLock: `${root}/locks/disks`,
  };
}

/** Every directory of a store, parents before children. */
export function directoriesOf(layout: Layout): string[] {
  return [
    layout.locks,
    layout.packs,
    layout.index,
    layout.records,
    layout.refs,
    `${layout.refs}/snapshots`,
    `${layout.refs}/disks`,
    layout.layers,
    layout.disks,
    layout.trash,
  ];
}
