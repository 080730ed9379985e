/** A registry with the one image of a layout, over HTTP, that can stop in the middle of the last layer, lie, or send its clients elsewhere. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface OwnRegistry extends AsyncDisposable {
  readonly host: string;
  stops: boolean;
  /** What it gives for a digest that is not this one's. */
  readonly lies: Map<string, Buffer>;
  /** Where it sends those who ask for a tag or a digest. */
  readonly redirects: Map<string, string>;
  /** Where its clients have to get a token first. */
  realm: string | null;
  /** The digests of the blobs it was asked for. */
  readonly asked: string[];
}

export async function startOwnRegistry(layout: string, digest: string): Promise<OwnRegistry> {
  const blob = (of: string): Buffer =>
    readFileSync(join(layout, "blobs", "sha256", of.replace("sha256:", "")));
  const manifest = blob(digest);
  const { mediaType, layers } = JSON.parse(manifest.toString()) as {
    mediaType: string;
    layers: { digest: string }[];
  };
  const server = createServer((request, response) => {
    const [, kind, name = ""] = /\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
    if (registry.realm !== null) {
      response.setHeader("WWW-Authenticate", `Bearer realm="${registry.realm}",service="registry"`);
      response.writeHead(401).end();
      return;
    }
    if (kind === undefined) {
      response.end();
      return;
    }
    if (kind === "blobs") registry.asked.push(name);
    const location = registry.redirects.get(name);
    if (location !== undefined) {
      response.writeHead(307, { Location: location }).end();
      return;
    }
    const bytes = registry.lies.get(name) ?? (kind === "manifests" ? manifest : blob(name));
    response.setHeader("Content-Length", bytes.length);
    if (kind === "manifests") response.setHeader("Content-Type", mediaType);
    if (request.method === "HEAD") response.end();
    else if (registry.stops && name === layers.at(-1)?.digest)
      response.write(bytes.subarray(0, bytes.length / 2));
    else response.end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const registry: OwnRegistry = {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    stops: false,
    lies: new Map(),
    redirects: new Map(),
    realm: null,
    asked: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return registry;
}
