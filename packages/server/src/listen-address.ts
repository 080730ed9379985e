import { ServerError } from "./errors.js";

export interface ListenAddress {
  host: string;
  /** 0: any free one. */
  port: number;
}

export const listenAddressDefault: ListenAddress = { host: "127.0.0.1", port: 7420 };

/** Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`. Without a host, only this machine can connect. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || port > 65_535)
    throw new ServerError("invalid_request", `not an address to listen on: ${JSON.stringify(text)}`, {
      suggestion: "write HOST:PORT, for example 127.0.0.1:7420",
    });
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? listenAddressDefault.host : host, port };
}
