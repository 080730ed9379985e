import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { FETCH_MEMORY_BYTES_MAX } from "../../src/image/limits.js";
import { parseReference } from "../../src/image/reference.js";
import { fetchImage, fetchManifest, runSkopeo, type SkopeoOptions } from "../../src/image/skopeo.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";
import { makeLayout, tarOf } from "./layout.js";

const MiB = 1024 * 1024;
const { signal } = new AbortController();

function place(t: TestContext): { layout: string; options: SkopeoOptions } {
  const directory = makeDirectory();
  t.after(() => removeDirectory(directory));
  const options = {
    insecureRegistries: [],
    privateRegistries: [],
    directory,
    authFile: null,
    downloadBytesMax: MiB,
  };
  return { layout: join(directory, "layout"), options };
}

describe("skopeo", () => {
  it("writes no file that is longer than all of an image may be", async (t) => {
    const { layout, options } = place(t);
    const digest = makeLayout(layout, { layers: [{ tar: await tarOf([{ name: "a" }]) }] });
    const blob = (of: string): Buffer =>
      readFileSync(join(layout, "blobs/sha256", of.slice("sha256:".length)));
    const { layers } = JSON.parse(blob(digest).toString()) as { layers: { digest: string }[] };
    // More than the manifest says, and then nothing, so that only what has been written by then can end it.
    const server = createServer((request, response) => {
      const name = /sha256:.*$/.exec(request.url ?? "")?.[0] ?? "";
      response.setHeader("Content-Type", "application/vnd.oci.image.manifest.v1+json");
      if (name === layers[0]?.digest) response.write(Buffer.alloc(2 * MiB));
      else response.end(name === "" ? blob(digest) : blob(name));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => (server.closeAllConnections(), server.close()));
    const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const directory = join(options.directory, "fetched");
    mkdirSync(directory);
    await assert.rejects(
      fetchImage(
        parseReference(`${host}/a`),
        digest,
        { directory, architecture: "amd64" },
        {
          ...options,
          insecureRegistries: [host],
          signal,
          onBytes: () => undefined,
        },
      ),
      { code: "image_unsupported", message: "a part of the image is longer than all of it may be" },
    );
    for (const name of readdirSync(directory)) assert.ok(statSync(join(directory, name)).size <= MiB, name);
  });

  it("is ended when it says too much", async (t) => {
    const { options } = place(t);
    await assert.rejects(runSkopeo(["--help"], options, { signal, outputBytesMax: 10 }), {
      code: "image_unsupported",
      message: "the registry's answer is too long",
    });
  });

  it("takes only so much memory", async (t) => {
    const { layout, options } = place(t);
    const digest = makeLayout(layout, { layers: [{ tar: await tarOf([{ name: "a" }]) }] });
    truncateSync(join(layout, "blobs/sha256", digest.slice("sha256:".length)), FETCH_MEMORY_BYTES_MAX);
    await assert.rejects(fetchManifest(parseReference(`oci:${layout}`), null, options, signal), {
      code: "image_unsupported",
      message: "a document of the image takes too much memory",
    });
  });
});
