/** Where an entry stands in a tree. The path is spelled out only when somebody asks, which for most entries nobody does. */
export interface Place {
  /** Null for the root, which has no name. */
  parent: Place | null;
  name: Buffer;
}

export const rootPlace: Place = { parent: null, name: Buffer.alloc(0) };

/** Raw bytes without a leading slash; empty for the root. */
export function pathOf(place: Place): Buffer {
  const parts: Buffer[] = [];
  for (let at: Place | null = place; at?.parent != null; at = at.parent) {
    if (parts.length > 0) parts.push(slash);
    parts.push(at.name);
  }
  return Buffer.concat(parts.reverse());
}

const slash = Buffer.from("/");
