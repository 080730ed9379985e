/** The configuration of an image: what of it commands get. Pure; codes `image_unsupported`. */
import { IMAGE_ENVIRONMENT_BYTES_MAX, IMAGE_ENVIRONMENT_ENTRIES_MAX, PATH_BYTES_MAX } from "./limits.js";
import { isObject, parseObject } from "./manifest.js";
import { isDigest } from "./reference.js";
import { unsupported } from "./refuse.js";

export interface ImageConfig {
  /** What the layers are named by: the digests of their uncompressed archives, from the lowest on. */
  diffIds: string[];
  environment: Record<string, string>;
  /** Absolute; null for none, or for the root. */
  workingDirectory: string | null;
  /** As the image says it, cut; commands run as uid 1000 whatever it is, at most under its name. */
  user: string | null;
}

const USER_LENGTH_MAX = 64;

/** Decided by the runtime, whatever the image says. */
const OWN_NAMES = ["HOME", "USER", "LOGNAME", "CHASER"];

function environmentOf(value: unknown): Record<string, string> {
  const environment: Record<string, string> = {};
  if (value === undefined || value === null) return environment;
  if (!Array.isArray(value)) throw unsupported("the image's environment is not a list");
  let bytes = 0;
  if (value.length > IMAGE_ENVIRONMENT_ENTRIES_MAX) {
    throw unsupported(
      `the image's environment has more than ${String(IMAGE_ENVIRONMENT_ENTRIES_MAX)} entries`,
    );
  }
  for (const entry of value) {
    if (typeof entry !== "string") throw unsupported("an entry of the image's environment is not a text");
    bytes += Buffer.byteLength(entry) + 1;
    const at = entry.indexOf("=");
    const name = entry.slice(0, at === -1 ? undefined : at);
    if (at < 1 || entry.includes("\0") || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    if (!OWN_NAMES.includes(name)) environment[name] = entry.slice(at + 1);
  }
  if (bytes > IMAGE_ENVIRONMENT_BYTES_MAX) {
    throw unsupported(`the image's environment is longer than ${String(IMAGE_ENVIRONMENT_BYTES_MAX)} bytes`);
  }
  return environment;
}

function workingDirectoryOf(value: unknown): string | null {
  if (typeof value !== "string" || !value.startsWith("/") || Buffer.byteLength(value) > PATH_BYTES_MAX)
    return null;
  const components = value.split("/").filter((component) => component !== "" && component !== ".");
  if (components.length === 0 || components.includes("..") || value.includes("\0")) return null;
  return `/${components.join("/")}`;
}

export function parseConfig(bytes: Uint8Array, architecture: string, layers: number): ImageConfig {
  const document = parseObject("image's configuration", bytes);
  if (document["os"] !== "linux" || document["architecture"] !== architecture) {
    const platform = `${String(document["os"])}/${String(document["architecture"])}`;
    throw unsupported(`the image is for ${platform.slice(0, 100)}, this machine is linux/${architecture}`);
  }
  const rootfs = isObject(document["rootfs"]) ? document["rootfs"] : {};
  const diffIds = rootfs["diff_ids"];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest) || diffIds.length !== layers) {
    throw unsupported("the image's configuration does not name its layers");
  }
  const config = isObject(document["config"]) ? document["config"] : {};
  const user = config["User"];
  return {
    diffIds,
    environment: environmentOf(config["Env"]),
    workingDirectory: workingDirectoryOf(config["WorkingDir"]),
    user: typeof user === "string" && user !== "" ? user.slice(0, USER_LENGTH_MAX) : null,
  };
}
