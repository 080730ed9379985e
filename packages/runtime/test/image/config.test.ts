import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RuntimeError } from "../../src/index.js";
import { parseConfig, type ImageConfig } from "../../src/image/config.js";
import { sha256 } from "./layout.js";

const parse = (config: unknown, changes: Record<string, unknown> = {}): ImageConfig =>
  parseConfig(
    Buffer.from(
      JSON.stringify({
        os: "linux",
        architecture: "amd64",
        rootfs: { diff_ids: [sha256(Buffer.from("a"))] },
        config,
        ...changes,
      }),
    ),
    "amd64",
    1,
  );

describe("the configuration of an image", () => {
  it("gives a working directory that is below the root, and no other", () => {
    const directories = {
      "/opt//tool/./": "/opt/tool",
      "/": null,
      opt: null,
      "/opt/../etc": null,
      "/a\0b": null,
      [`/${"a".repeat(5000)}`]: null,
    };
    for (const [said, is] of Object.entries(directories))
      assert.equal(parse({ WorkingDir: said }).workingDirectory, is, said);
    assert.equal(parse({ WorkingDir: 7 }).workingDirectory, null);
  });

  it("says no more of a user than fits a line", () => {
    assert.equal(parse({ User: "4294967296:0" }).user, "4294967296:0");
    assert.equal(parse({ User: "u".repeat(1e6) }).user?.length, 64);
    for (const user of ["", 0, null, {}]) assert.equal(parse({ User: user }).user, null);
  });

  it("gives what can be in an environment, and nothing that the runtime decides", () => {
    const Env = [
      "A=1",
      "A=2=3",
      "HOME=/root",
      "USER=root",
      "LOGNAME=root",
      "CHASER=0",
      "=x",
      "B",
      "a b=1",
      "C=\0",
      "D=",
    ];
    assert.deepEqual(parse({ Env }).environment, { A: "2=3", D: "" });
    assert.deepEqual(parse({ Env: null }).environment, {});
    for (const wrong of ["A=1", [1], Array(257).fill("A="), [`A=${"x".repeat(70_000)}`]])
      assert.throws(
        () => parse({ Env: wrong }),
        (error) => error instanceof RuntimeError && error.code === "image_unsupported",
      );
  });
});
