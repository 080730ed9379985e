import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { Images, RuntimeError, type ImagesOptions, type RuntimeErrorCode } from "../../src/index.js";
import { HOST_UID, makeDirectory, removeDirectory, runsAsRoot } from "../support/fixture.js";
import { makeLayout, sha256, tarOf, type LayoutOptions } from "./layout.js";
import { startOwnRegistry } from "./own-registry.js";

const owner = runsAsRoot ? { owner: { uid: HOST_UID - 1, gid: HOST_UID - 1 } } : {};

interface Place {
  directory: string;
  layout: string;
  open: (options?: Partial<ImagesOptions>) => Images;
  /** What is left of pulls: layers, records, work. */
  left: () => string[][];
}

function makePlace(t: TestContext): Place {
  const directory = makeDirectory();
  t.after(() => removeDirectory(directory));
  const images = join(directory, "images");
  return {
    directory,
    layout: join(directory, "layout"),
    open: (options) =>
      Images.open({ directory: images, localDirectories: [directory], ...owner, ...options }),
    left: () => ["layers", "records", "work"].map((name) => readdirSync(join(images, name))),
  };
}

const fails = (code: RuntimeErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RuntimeError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

const base = await tarOf([
  { name: "etc/", type: "directory" },
  { name: "etc/base", content: "base" },
]);
const other = await tarOf([{ name: "etc/other", content: "other" }]);

describe("Images", () => {
  it("pulls from a layout and from an archive, each layer once", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    const digest = makeLayout(place.layout, { layers: [{ tar: base }] });
    const image = await images.pull(`oci:${place.layout}`);
    assert.equal(image.digest, digest);
    assert.deepEqual(images.get(digest), image);

    const second = join(place.directory, "second");
    const secondDigest = makeLayout(second, {
      layers: [
        { tar: base, compression: "zstd" },
        { tar: other, compression: "none" },
      ],
    });
    const archive = join(place.directory, "second.tar");
    execFileSync("tar", ["-cf", archive, "-C", second, "."]);
    const before = image.layers.map(({ id }) => id);
    const layer = join(images.layersDirectory, before[0] ?? "", "etc/base");
    const inode = execFileSync("stat", ["-c", "%i", layer]).toString();
    const pulled = await images.pull(`oci-archive:${archive}`);
    assert.equal(pulled.digest, secondDigest);
    assert.deepEqual(pulled.layers.map(({ id }) => id).slice(0, 1), before);
    assert.equal(execFileSync("stat", ["-c", "%i", layer]).toString(), inode);
    assert.deepEqual(
      place.left().map(({ length }) => length),
      [2, 2, 0],
    );

    const reopened = place.open();
    assert.deepEqual(reopened.get(secondDigest), pulled);
  });

  it("does what two ask for at once only once", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    makeLayout(place.layout, { layers: [{ tar: base }] });
    const phases = new Set<string>();
    const pulls = [1, 2, 3].map(() =>
      images.pull(`oci:${place.layout}`, { onProgress: ({ phase }) => phases.add(phase) }),
    );
    const [first, ...others] = await Promise.all(pulls);
    for (const image of others) assert.equal(image, first);
    assert.deepEqual([...phases], ["resolve", "fetch", "unpack"]);
  });

  const refused: Record<string, { options: Partial<LayoutOptions>; message: RegExp }> = {
    "another processor": {
      options: { changeConfig: (config) => (config["architecture"] = "s390x") },
      message: /is for linux\/s390x/,
    },
    "another system": {
      options: { changeConfig: (config) => (config["os"] = "windows") },
      message: /is for windows/,
    },
    "layers of an unknown kind": {
      options: {
        changeManifest: ({ layers }) => (layers[0].mediaType = "application/vnd.oci.image.layer.v1.tar+lzma"),
      },
      message: /layer 0: type "application\/vnd.oci.image.layer.v1.tar\+lzma"/,
    },
    "something that is no image": {
      options: {
        changeManifest: ({ config }) => (config.mediaType = "application/vnd.cncf.helm.config.v1+json"),
      },
      message: /not a container image/,
    },
    "layers that the configuration does not name": {
      options: { changeConfig: (config) => (config["rootfs"] = { diff_ids: [] }) },
      message: /does not name its layers/,
    },
    "a layer that unpacks to something else": {
      options: { changeConfig: (config) => (config["rootfs"] = { diff_ids: [sha256(other)] }) },
      message: /does not unpack to/,
    },
    "an environment that is too large": {
      options: { config: { Env: [`A=${"x".repeat(70_000)}`] } },
      message: /environment is longer/,
    },
    "an environment with too many entries": {
      options: { config: { Env: Array.from({ length: 300 }, (_, n) => `A${String(n)}=`) } },
      message: /more than 256 entries/,
    },
    "more to fetch than allowed": {
      options: { changeManifest: ({ layers }) => (layers[0].size = 1e15) },
      message: /./,
    },
  };
  for (const [name, { options, message }] of Object.entries(refused)) {
    it(`refuses ${name}, and nothing is left`, async (t) => {
      const place = makePlace(t);
      const images = place.open();
      makeLayout(place.layout, { layers: [{ tar: base }], ...options });
      await assert.rejects(images.pull(`oci:${place.layout}`), (error) => {
        assert.ok(error instanceof RuntimeError);
        assert.match(error.code, /^image_/);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(place.left(), [[], [], []]);
    });
  }

  it("refuses what a layer hides, and what it takes for another's", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    makeLayout(place.layout, { layers: [{ tar: await tarOf([{ name: "../out" }]) }] });
    await assert.rejects(images.pull(`oci:${place.layout}`), fails("image_unsupported", /leads upwards/));
    rmSync(place.layout, { recursive: true });
    const digest = makeLayout(place.layout, { layers: [{ tar: base }] });
    const blobs = join(place.layout, "blobs/sha256");
    for (const name of readdirSync(blobs)) {
      if (name !== digest.slice(7) && readFileSync(join(blobs, name))[0] === 0x1f)
        writeFileSync(join(blobs, name), "changed");
    }
    await assert.rejects(images.pull(`oci:${place.layout}`), (error) => error instanceof RuntimeError);
    assert.deepEqual(place.left(), [[], [], []]);
  });

  it("leaves none of an image's layers when the next is refused, nor in the way of another image", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    const hostile = await tarOf([{ name: "../out" }]);
    makeLayout(place.layout, { layers: [{ tar: base }, { tar: hostile }] });
    await assert.rejects(images.pull(`oci:${place.layout}`), fails("image_unsupported", /leads upwards/));
    assert.deepEqual(place.left(), [[], [], []]);
    const digest = makeLayout(place.layout, { layers: [{ tar: base }] });
    assert.equal((await images.pull(`oci:${place.layout}`)).digest, digest);
  });

  it("stops at its limits", async (t) => {
    const place = makePlace(t);
    makeLayout(place.layout, { layers: [{ tar: base }, { tar: other }] });
    const pull = (limits: ImagesOptions["limits"]): Promise<unknown> =>
      place.open(limits === undefined ? {} : { limits }).pull(`oci:${place.layout}`);
    await assert.rejects(pull({ entries: 2 }), fails("image_unsupported", /entries/));
    await assert.rejects(
      pull({ unpackedBytes: base.length + 1 }),
      fails("image_unsupported", /unpacks to more/),
    );
    await assert.rejects(pull({ downloadBytes: 1000 }), (error) => error instanceof RuntimeError);
    await assert.rejects(pull({ pullMs: 1 }), fails("image_failed", /took too long/));
    assert.deepEqual(place.left(), [[], [], []]);
  });

  it("asks a registry for no blob of an image that says it is too much", async (t) => {
    const place = makePlace(t);
    const digest = makeLayout(place.layout, {
      layers: [{ tar: base }],
      changeManifest: ({ layers }) => (layers[0].size = 1e12),
    });
    await using registry = await startOwnRegistry(place.layout, digest);
    const images = place.open({ insecureRegistries: [registry.host] });
    await assert.rejects(
      images.pull(`${registry.host}/large:v1`),
      fails("image_unsupported", /^the image is \d{13} bytes to fetch, more than \d+$/),
    );
    assert.deepEqual(registry.asked, []);
    assert.deepEqual(place.left(), [[], [], []]);
  });

  it("takes from a registry nothing that has another digest than it asked for", async (t) => {
    const place = makePlace(t);
    const digest = makeLayout(place.layout, { layers: [{ tar: base }, { tar: other }] });
    const manifest = readFileSync(join(place.layout, "blobs/sha256", digest.slice(7)));
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    await using registry = await startOwnRegistry(place.layout, digest);
    const images = place.open({ insecureRegistries: [registry.host] });
    const changed = Buffer.from(manifest.toString().replace(/^\{/, "{ "));
    for (const asked of [digest, config.digest, layers[1]?.digest ?? ""]) {
      const bytes = readFileSync(join(place.layout, "blobs/sha256", asked.slice(7)));
      const lie =
        asked === digest ? changed : Buffer.from(bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte)));
      registry.lies.set(asked, lie);
      await assert.rejects(images.pull(`${registry.host}/base@${digest}`), (error) => {
        assert.ok(error instanceof RuntimeError, String(error));
        assert.match(error.code, /^image_(not_found|unsupported)$/);
        return true;
      });
      registry.lies.clear();
      assert.deepEqual(place.left(), [[], [], []]);
    }
    assert.equal((await images.pull(`${registry.host}/base@${digest}`)).digest, digest);
  });

  it("goes to no directory, and to no private network, that it was not allowed", async (t) => {
    const place = makePlace(t);
    const images = place.open({ localDirectories: [join(place.directory, "allowed")] });
    makeLayout(place.layout, { layers: [{ tar: base }] });
    mkdirSync(join(place.directory, "allowed"));
    for (const path of [place.layout, `${place.directory}/allowed/../layout`]) {
      await assert.rejects(images.pull(`oci:${path}`), fails("image_not_found", /not allowed/));
    }
    for (const registry of ["localhost:1", "127.0.0.1:1", "169.254.169.254", "0x7f.1:80"]) {
      await assert.rejects(images.pull(`${registry}/a`), fails("image_not_found", /private network/));
    }
    renameSync(place.layout, join(place.directory, "allowed/layout"));
    await images.pull(`oci:${place.directory}/allowed/layout`);
  });

  it("removes what a pull left that was killed, at the next start", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    const digest = makeLayout(place.layout, { layers: [{ tar: base }] });
    const [layer] = (await images.pull(`oci:${place.layout}`)).layers;
    const { layersDirectory } = images;
    mkdirSync(join(images.directory, "work/half/fetched"), { recursive: true });
    cpSync(join(layersDirectory, layer?.id ?? ""), join(layersDirectory, "f".repeat(24)), {
      recursive: true,
    });
    writeFileSync(join(images.directory, "records", `${"e".repeat(64)}.json`), "{");
    place.open();
    assert.deepEqual(place.left(), [[layer?.id], [`${digest.slice(7)}.json`], []]);

    rmSync(join(layersDirectory, layer?.id ?? ""), { recursive: true });
    assert.equal(place.open().get(digest), null);
  });

  it("forgets what nobody needs, with the layers that only that had", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    makeLayout(place.layout, { layers: [{ tar: base }] });
    const kept = await images.pull(`oci:${place.layout}`);
    const second = join(place.directory, "second");
    makeLayout(second, { layers: [{ tar: base }, { tar: other }] });
    const unneeded = await images.pull(`oci:${second}`);
    const keep = new Set([kept.digest]);
    assert.equal(images.collect(keep, Date.now() - 60_000), 0);
    const past = new Date(Date.now() - 120_000);
    for (const name of readdirSync(join(images.directory, "records")))
      utimesSync(join(images.directory, "records", name), past, past);
    assert.equal(images.collect(keep, Date.now() - 60_000), 1);
    assert.equal(images.get(unneeded.digest), null);
    assert.deepEqual(
      place.left().map(({ length }) => length),
      [1, 1, 0],
    );
    assert.ok(existsSync(join(images.layersDirectory, kept.layers[0]?.id ?? "", "etc/base")));
    assert.equal((await images.pull(`oci:${second}`)).digest, unneeded.digest);
  });

  it("lets one who waits go without ending it for the others", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    makeLayout(place.layout, { layers: [{ tar: base }] });
    const leaving = new AbortController();
    const left = images.pull(`oci:${place.layout}`, { signal: leaving.signal });
    const staying = images.pull(`oci:${place.layout}`);
    leaving.abort(new Error("gone"));
    await assert.rejects(left, /gone/);
    assert.ok((await staying).layers.length === 1);
  });

  it(
    "gives a pull up when the last who waits has gone, and begins anew for the next",
    { timeout: 60_000 },
    async (t) => {
      const place = makePlace(t);
      const digest = makeLayout(place.layout, { layers: [{ tar: base }] });
      await using registry = await startOwnRegistry(place.layout, digest);
      registry.stops = true;
      const images = place.open({ insecureRegistries: [registry.host] });
      const reference = `${registry.host}/base`;
      const leaving = [new AbortController(), new AbortController()];
      const left = leaving.map(({ signal }) => images.pull(reference, { signal }));
      for (const pull of left) pull.catch(() => undefined);
      while (registry.asked.length === 0) await later(20, undefined, t);
      for (const client of leaving) client.abort(new Error("gone"));
      for (const pull of left) await assert.rejects(pull, /gone/);
      while (place.left()[2]?.length !== 0) await later(20, undefined, t);
      registry.stops = false;
      assert.equal((await images.pull(reference)).digest, digest);
    },
  );

  it("ends what it does when it is closed", async (t) => {
    const place = makePlace(t);
    const images = place.open();
    makeLayout(place.layout, { layers: [{ tar: base }] });
    const pulling = images.pull(`oci:${place.layout}`);
    pulling.catch(() => undefined);
    await images.close();
    await assert.rejects(pulling, fails("runtime_closed", /closed/));
    assert.deepEqual(place.left(), [[], [], []]);
  });
});
