import { ServerError } from "../errors.js";

/** What the API names and this server does not do yet is refused, never pretended. */
export function refuseImage(image: string | undefined): void {
  if (image !== undefined) throw unsupported("image", "images are not supported by this server");
}

export function refuseBrowser(sessionType: string | undefined): void {
  if (sessionType === "browser")
    throw unsupported("session_type", "browser sessions are not supported by this server");
}

function unsupported(path: string, message: string): ServerError {
  return new ServerError("unsupported", `${path}: ${message}`, { details: { path } });
}
