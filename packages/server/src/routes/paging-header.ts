import type { Request } from "./environment.js";

/** The header is absent on the last page. */
export function setNextCursor(c: Request, cursor: string | null): void {
  if (cursor !== null) c.header("X-Next-Cursor", cursor);
}
