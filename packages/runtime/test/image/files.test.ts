import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { readConfig } from "../../src/image/files.js";
import { CONFIG_BYTES_MAX } from "../../src/image/limits.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";
import { sha256 } from "./layout.js";

describe("a configuration that was fetched", () => {
  const bytes = Buffer.from("{}");
  const fetched = (t: TestContext): string => {
    const directory = makeDirectory();
    t.after(() => removeDirectory(directory));
    const path = join(directory, "config");
    writeFileSync(path, bytes);
    return path;
  };
  const described = { digest: sha256(bytes), sizeBytes: bytes.length };
  const refused = { code: "image_unsupported" };

  it("is read when it is what the manifest says", (t) => {
    assert.deepEqual(readConfig(fetched(t), described), bytes);
  });

  it("is refused with another size, and when it is missing", (t) => {
    const path = fetched(t);
    assert.throws(() => readConfig(path, { ...described, sizeBytes: 3 }), refused);
    assert.throws(() => readConfig(`${path}.none`, described), refused);
  });

  it("is refused with another digest", (t) => {
    assert.throws(() => readConfig(fetched(t), { ...described, digest: sha256(Buffer.from("[]")) }), {
      ...refused,
      message: /not what its digest says/,
    });
  });

  it("is refused before it is read when it is too long", (t) => {
    const path = fetched(t);
    const sizeBytes = CONFIG_BYTES_MAX + 1;
    truncateSync(path, sizeBytes);
    assert.throws(() => readConfig(path, { ...described, sizeBytes }), {
      ...refused,
      message: /longer than can be/,
    });
  });
});
