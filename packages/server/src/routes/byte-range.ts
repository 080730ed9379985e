import { ServerError } from "../errors.js";

export interface ByteRange {
  offset: number;
  length: number;
}

/**
 * The part of `sizeBytes` that a `Range` header asks for (RFC 9110, section 14), or null for all of it: also for several ranges
 * at once and for units that are not bytes, which may be ignored. Code `range_not_satisfiable`.
 */
export function byteRange(header: string | undefined, sizeBytes: number): ByteRange | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return null;
  const from = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const to = first === "" || last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  if (from > to)
    throw new ServerError("range_not_satisfiable", `the file has ${sizeBytes} bytes`, {
      details: { size_bytes: sizeBytes },
    });
  return { offset: from, length: to - from + 1 };
}
