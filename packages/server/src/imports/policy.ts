import {
  IMPORT_HOSTS_DEFAULT,
  importRepository,
  type ImportProgress,
  type NetworkMode,
} from "@chaser/runtime";
import { ServerError } from "../errors.js";
import type { ActiveSession } from "../sessions/active-session.js";

export interface ImportOptions {
  /** `host`, which means its port 443, or `host:port`. Default: github.com. */
  hosts?: readonly string[];
  /**
   * What git reaches while it fetches. No command of a user's runs beside it, so this may be more than their sessions reach. Default: the
   * same as theirs, but `nat` where that is nothing.
   */
  network?: NetworkMode;
  /** Certificates in PEM that are trusted besides the system's. */
  extraCertificates?: string;
  /** Default: 30 minutes. */
  timeoutMs?: number;
}

export interface ImportPolicy {
  hosts: readonly string[];
  network: NetworkMode;
  extraCertificates: string | undefined;
  timeoutMs: number | undefined;
}

export function importPolicy(options: ImportOptions, sessionNetwork: NetworkMode): ImportPolicy {
  const { hosts = IMPORT_HOSTS_DEFAULT, extraCertificates, timeoutMs } = options;
  for (const host of hosts)
    if (!/^([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?$/.test(host) || host.endsWith(":443"))
      throw new ServerError(
        "invalid_request",
        `import host ${JSON.stringify(host)} is not one: write it in lower case, as host, or as host:port for a port other than 443`,
      );
  const network = options.network ?? (sessionNetwork === "none" ? "nat" : sessionNetwork);
  return { hosts, network, extraCertificates, timeoutMs };
}

export interface FetchOptions {
  repository: string;
  ref: string | null;
  token?: string | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** Fetches into the empty workspace of a session that is this import's alone. */
export function fetchRepository(
  policy: ImportPolicy,
  session: ActiveSession,
  options: FetchOptions,
): Promise<void> {
  const { hosts, extraCertificates, timeoutMs = Number.POSITIVE_INFINITY } = policy;
  return importRepository((spec) => session.start(spec), {
    ...options,
    hosts,
    extraCertificates,
    timeoutMs: options.timeoutMs === undefined ? policy.timeoutMs : Math.min(options.timeoutMs, timeoutMs),
  });
}
