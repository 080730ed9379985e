import { RuntimeError } from "../errors.js";

/** For everything in an image that is malformed, hostile or beyond a limit. */
export function unsupported(message: string, data: Record<string, unknown> = {}): RuntimeError {
  return new RuntimeError("image_unsupported", message, data);
}
