/** Paths inside a tree have no slash at either end; people type both. The root is the empty path. */
export function treePath(typed: string): Uint8Array {
  return Buffer.from(
    typed
      .replace(/^(\.?\/+)+/, "")
      .replace(/^\.$/, "")
      .replace(/\/+$/, ""),
  );
}
