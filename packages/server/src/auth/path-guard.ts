/**
 * Whether a request's path could mean one thing to what guards it and another to what serves it: empty segments,
 * encoded slashes, backslashes and NUL, and dot segments, plain or encoded. No honest client sends any of them.
 */
export function isAmbiguousPath(target: string): boolean {
  const path = target.split(/[?#]/, 1)[0] ?? "";
  if (!path.startsWith("/")) return true;
  if (path.includes("//") || path.includes("\\") || path.includes("\0")) return true;
  if (/%(2f|5c|00)/i.test(path)) return true;
  if (!isDecodable(path)) return true;
  return path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** Half an escape, or bytes that are not UTF-8, would be left encoded by one reader and refused by another. */
function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
