import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RuntimeError } from "../../src/index.js";
import { LAYERS_MAX } from "../../src/image/limits.js";
import { choosePlatform, parseManifest, type ManifestDocument } from "../../src/image/manifest.js";
import { sha256 } from "./layout.js";

const digest = sha256(Buffer.from("a"));
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: 1 };
const image = {
  schemaVersion: 2,
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 1 },
  layers: [layer],
};
const index = {
  schemaVersion: 2,
  manifests: [{ digest, size: 1, platform: { os: "linux", architecture: "amd64" } }],
};
const parse = (document: unknown): ManifestDocument => parseManifest(Buffer.from(JSON.stringify(document)));

describe("a manifest", () => {
  it("is an image or an index", () => {
    assert.equal(parse(image).kind, "image");
    const found = parse(index);
    assert.ok(found.kind === "index");
    assert.equal(choosePlatform(found, "amd64"), digest);
    assert.throws(() => choosePlatform(found, "arm64"), /not for linux\/arm64/);
  });

  const refused: Record<string, { document: unknown; message: RegExp }> = {
    "both at once": { document: { ...image, ...index }, message: /an image and an index at once/ },
    "of another version": { document: { ...image, schemaVersion: 1 }, message: /version 1 is not supported/ },
    "of another kind": { document: { ...image, mediaType: "text/html" }, message: /type "text\/html"/ },
    "an index that says it is an image": {
      document: { ...index, mediaType: "application/vnd.oci.image.manifest.v1+json" },
      message: /is not supported/,
    },
    "with more layers than can be mounted": {
      document: { ...image, layers: Array(LAYERS_MAX + 1).fill(layer) },
      message: /128 layers: 1 to 127/,
    },
    "with none": { document: { ...image, layers: [] }, message: /0 layers/ },
    "with a layer of a kind that nobody knows": {
      document: { ...image, layers: [{ ...layer, mediaType: "constructor" }] },
      message: /type "constructor" is not supported/,
    },
    "with a size that is none": {
      document: { ...image, layers: [{ ...layer, size: -1 }] },
      message: /has no size/,
    },
    "with a digest that leads elsewhere": {
      document: { ...image, layers: [{ ...layer, digest: "sha256:../../etc/passwd" }] },
      message: /has no sha256 digest/,
    },
    "that is no object": { document: [image], message: /not a JSON object/ },
  };
  for (const [name, { document, message }] of Object.entries(refused))
    it(`${name} is refused`, () => {
      assert.throws(
        () => parse(document),
        (error) =>
          error instanceof RuntimeError && error.code === "image_unsupported" && message.test(error.message),
      );
    });
});
