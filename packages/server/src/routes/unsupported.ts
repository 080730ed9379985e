import { ServerError } from "../errors.js";

/** A workspace has an image for good, so one is given where a disk is made. */
export function refuseImageOfWorkspace(image: string | undefined, workspace: string | undefined): void {
  if (image === undefined || workspace === undefined) return;
  throw new ServerError(
    "invalid_request",
    "image: a workspace has its own; give one with ephemeral: true alone",
    {
      details: { path: "image" },
    },
  );
}

/** What the API names and this server does not do yet is refused, never pretended. */
export function refuseBrowser(sessionType: string | undefined): void {
  if (sessionType === "browser")
    throw unsupported("session_type", "browser sessions are not supported by this server");
}

function unsupported(path: string, message: string): ServerError {
  return new ServerError("unsupported", `${path}: ${message}`, { details: { path } });
}
