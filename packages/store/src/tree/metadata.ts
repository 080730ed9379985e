/** True for what has the form of a tree node or chunk list. A file may have it, too: then it is stored where these are. */
export function isMetadata(bytes: Buffer): boolean {
  return ["CHSRTREE", "CHSRLIST"].includes(bytes.toString("latin1", 0, 8));
}
