/** Snapshots of plain directories are in the scope null, those of a disk in the scope of its id. */
export type RefScope = string | null;
