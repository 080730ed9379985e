/** Registries that send whoever asks them to places that they could not reach themselves. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { Images, RuntimeError, type ImagesOptions } from "../../src/index.js";
import { HOST_UID, makeDirectory, removeDirectory, runsAsRoot } from "../support/fixture.js";
import { openDescriptors, eventually } from "../support/host.js";
import { makeLayout, tarOf } from "./layout.js";
import { startOwnRegistry, type OwnRegistry } from "./own-registry.js";

const owner = runsAsRoot ? { owner: { uid: HOST_UID - 1, gid: HOST_UID - 1 } } : {};

describe("a registry that leads elsewhere", () => {
  let directory: string;
  let registry: OwnRegistry;
  let digest: string;
  let blob: string;
  /** A service of this machine that trusts whoever reaches it. It gives the layer, so that only its being reached is in question. */
  const inner = createServer((request, response) => {
    asked.push(request.url ?? "");
    const name = /sha256:[0-9a-f]+/.exec(request.url ?? "")?.[0] ?? digest;
    response.end(readFileSync(join(directory, "layout/blobs/sha256", name.slice("sha256:".length))));
  });
  const asked: string[] = [];
  let port: string;

  before(async () => {
    directory = makeDirectory();
    digest = makeLayout(join(directory, "layout"), {
      layers: [{ tar: await tarOf([{ name: "etc/base", content: "base" }]) }],
    });
    registry = await startOwnRegistry(join(directory, "layout"), digest);
    const manifest = readFileSync(join(directory, "layout/blobs/sha256", digest.slice(7)), "utf8");
    blob = (JSON.parse(manifest) as { layers: { digest: string }[] }).layers[0]?.digest ?? "";
    inner.listen(0, "127.0.0.1");
    await once(inner, "listening");
    port = String((inner.address() as AddressInfo).port);
  });
  after(async () => {
    inner.closeAllConnections();
    inner.close();
    await registry[Symbol.asyncDispose]();
    removeDirectory(directory);
  });

  afterEach(() => {
    registry.redirects.clear();
    registry.realm = null;
  });

  const pull = async (
    options: Partial<ImagesOptions> = {},
    reference = `${registry.host}/base:v1`,
  ): Promise<string> => {
    const images = Images.open({
      directory: join(directory, "images"),
      insecureRegistries: [registry.host],
      localDirectories: [directory],
      ...owner,
      ...options,
    });
    try {
      return (await images.pull(reference)).digest;
    } finally {
      images.collect(new Set(), Infinity);
      await images.close();
    }
  };
  const refused = async (message: RegExp, reference?: string): Promise<void> => {
    asked.length = 0;
    await assert.rejects(pull({}, reference), (error) => {
      assert.ok(error instanceof RuntimeError, String(error));
      assert.equal(error.code, "image_not_found");
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(asked, []);
    for (const name of ["layers", "records", "work"])
      assert.deepEqual(readdirSync(join(directory, "images", name)), [], name);
  };

  const places: Record<string, { to: (port: string) => string; message: RegExp }> = {
    "the metadata service": {
      to: () => "http://169.254.169.254/latest/meta-data/",
      message: /; 169\.254\.169\.254:80 is 169\.254\.169\.254, on this machine or a private network$/,
    },
    "a private network": { to: () => "https://10.1.2.3/", message: /; 10\.1\.2\.3:443 is 10\.1\.2\.3, on/ },
    "another port of this machine": {
      to: (port) => `http://127.0.0.1:${port}/`,
      message: /; 127\.0\.0\.1:\d+ is on this machine$/,
    },
    "this machine in disguise": {
      to: (port) => `http://127.1:${port}/`,
      message: /; 127\.0\.0\.1:\d+ is 127\.0\.0\.1, on this machine/,
    },
    "this machine as IPv4 in IPv6": {
      to: (port) => `http://[::ffff:127.0.0.1]:${port}/`,
      message: /connection refused|not a host and a port|could not be looked up/,
    },
  };
  for (const [name, { to, message }] of Object.entries(places)) {
    it(`does not lead to ${name}`, async () => {
      registry.redirects.set("v1", to(port));
      await refused(message);
    });
  }

  it("does not lead there with a blob", async () => {
    registry.redirects.set(blob, `http://127.0.0.1:${port}/${blob}`);
    await refused(/on this machine/);
  });

  it("does not lead there with a service that gives tokens", async () => {
    registry.realm = `http://127.0.0.1:${port}/token`;
    await refused(/on this machine/);
  });

  it("does not lead there with addresses in a manifest, nor does a layout", async () => {
    const layout = join(directory, "far");
    makeLayout(layout, {
      layers: [{ tar: await tarOf([{ name: "etc/far" }]) }],
      changeManifest: ({ layers }) => (layers[0].urls = [`http://127.0.0.1:${port}/${blob}`]),
    });
    await refused(/on this machine/, `oci:${layout}`);
  });

  it("leads to what has been named, through the proxy and by the loopback", async () => {
    const before = openDescriptors();
    const byName = registry.host.replace("127.0.0.1", "127.1");
    const privateRegistries = [`127.0.0.1:${port}`];
    asked.length = 0;
    registry.redirects.set(blob, `http://127.0.0.1:${port}/${blob}`);
    assert.equal(
      await pull({ insecureRegistries: [byName], privateRegistries }, `${byName}/base:v1`),
      digest,
    );
    assert.deepEqual(asked, [`/${blob}`]);
    assert.ok(await eventually(() => openDescriptors() <= before), "no socket is left");
  });

  it("is said not to answer when it does not", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const host = `127.0.0.1:${String((gone.address() as AddressInfo).port)}`;
    await new Promise((resolve) => gone.close(resolve));
    await assert.rejects(pull({ insecureRegistries: [host] }, `${host}/a`), {
      message: new RegExp(`connect ECONNREFUSED ${host}$`),
    });
  });
});
