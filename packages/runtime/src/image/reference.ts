/** What people write for an image, and whether a server may go there. Pure. */
import { isIPv4 } from "node:net";
import { closedAddresses } from "../egress/rules.js";
import { RuntimeError } from "../errors.js";
import { REFERENCE_LENGTH_MAX } from "./limits.js";

export type ImageReference =
  | { kind: "registry"; registry: string; repository: string; tag: string | null; digest: string | null }
  /** A directory in OCI image layout, or one in a tar archive. */
  | { kind: "layout" | "archive"; path: string; tag: string | null };

const REGISTRY_DEFAULT = "docker.io";
const TAG_DEFAULT = "latest";

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REPOSITORY_LENGTH_MAX = 255;

export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

function invalid(text: string, reason: string): RuntimeError {
  return new RuntimeError("invalid_argument", `image ${JSON.stringify(text.slice(0, 200))} ${reason}`);
}

/** `name`, `name:tag`, `name@sha256:...`, `host:port/name...`, `oci:/path[:tag]`, `oci-archive:/path[:tag]`. Code `invalid_argument`. */
export function parseReference(text: string): ImageReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalid(text, "is too long");
  if (/[\x00-\x20\x7f]/.test(text)) throw invalid(text, "holds a space or a control character");
  const local = /^(oci|oci-archive):(.*)$/.exec(text);
  if (local !== null) return parseLocal(text, local[1] === "oci" ? "layout" : "archive", local[2] ?? "");
  return parseRegistry(text, text.replace(/^docker:\/\//, ""));
}

function parseLocal(text: string, kind: "layout" | "archive", rest: string): ImageReference {
  const colon = rest.lastIndexOf(":");
  const hasTag = colon > rest.lastIndexOf("/");
  const path = hasTag ? rest.slice(0, colon) : rest;
  const tag = hasTag ? rest.slice(colon + 1) : null;
  if (!path.startsWith("/") || path.includes(":"))
    throw invalid(text, "needs an absolute path without colons");
  if (tag !== null && !TAG.test(tag)) throw invalid(text, "has a tag that is not allowed");
  return { kind, path, tag };
}

function parseRegistry(text: string, rest: string): ImageReference {
  const [named = "", digest = null, more] = rest.split("@");
  if (more !== undefined || (digest !== null && !isDigest(digest))) {
    throw invalid(text, "has a digest that is not sha256: and 64 hexadecimal digits");
  }
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : null;
  if (tag !== null && !TAG.test(tag)) throw invalid(text, "has a tag that is not allowed");
  const components = (hasTag ? named.slice(0, colon) : named).split("/");
  const first = components[0] ?? "";
  const hasHost = components.length > 1 && (/[.:]/.test(first) || first === "localhost");
  const host = hasHost ? first.toLowerCase() : REGISTRY_DEFAULT;
  const registry = host === "index.docker.io" ? REGISTRY_DEFAULT : host;
  if (!HOST.test(registry)) throw invalid(text, "names a registry that is not a host name");
  const path = hasHost ? components.slice(1) : components;
  if (!path.every((component) => COMPONENT.test(component))) {
    throw invalid(text, "is not a name, a name:tag or a name@digest, in lower case");
  }
  const repository = (registry === REGISTRY_DEFAULT && path.length === 1 ? ["library", ...path] : path).join(
    "/",
  );
  if (repository.length > REPOSITORY_LENGTH_MAX) throw invalid(text, "is too long");
  return {
    kind: "registry",
    registry,
    repository,
    tag: tag ?? (digest === null ? TAG_DEFAULT : null),
    digest,
  };
}

/** The same for all ways to write a reference. */
export function canonicalText(reference: ImageReference): string {
  if (reference.kind !== "registry") {
    const tag = reference.tag === null ? "" : `:${reference.tag}`;
    return `${reference.kind === "layout" ? "oci" : "oci-archive"}:${reference.path}${tag}`;
  }
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;
}

/** Leads to one image for ever, wherever the tag moves; of local directories only the digest says which. */
export function pinnedText(reference: ImageReference, digest: string): string {
  return canonicalText(reference.kind === "registry" ? { ...reference, digest } : reference);
}

const isPrivate = closedAddresses([]);

/**
 * True for a registry that by its very name is this machine, its network, or an address in disguise (`127.1`, `0x7f000001`).
 * What a name is resolved to is judged when it is connected to.
 */
export function isPrivateRegistry(registry: string): boolean {
  const host = registry.replace(/:[0-9]+$/, "");
  const last = host.split(".").at(-1) ?? "";
  if (last === "localhost") return true;
  if (!/^(?:[0-9]+|0x[0-9a-f]*)$/.test(last)) return false;
  return !isIPv4(host) || isPrivate(host);
}
