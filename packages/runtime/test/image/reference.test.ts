import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalText, isPrivateRegistry, parseReference, pinnedText } from "../../src/image/reference.js";
import { RuntimeError } from "../../src/index.js";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseReference", () => {
  const same: Record<string, string> = {
    debian: "docker.io/library/debian:latest",
    "debian:12": "docker.io/library/debian:12",
    "docker://debian:12": "docker.io/library/debian:12",
    "index.docker.io/library/debian": "docker.io/library/debian:latest",
    "owner/name": "docker.io/owner/name:latest",
    "localhost:5000/a/b__c:x-1": "localhost:5000/a/b__c:x-1",
    "GHCR.io/a/b": "ghcr.io/a/b:latest",
    [`debian@${digest}`]: `docker.io/library/debian@${digest}`,
    [`debian:12@${digest}`]: `docker.io/library/debian:12@${digest}`,
    "oci:/srv/images/base:v1": "oci:/srv/images/base:v1",
    "oci-archive:/srv/base.tar": "oci-archive:/srv/base.tar",
  };
  for (const [text, canonical] of Object.entries(same)) {
    it(`reads ${text}`, () => assert.equal(canonicalText(parseReference(text)), canonical));
  }

  const refused = [
    ...[
      "",
      "Debian",
      "debian:",
      "debian:a b",
      "debian@sha256:12",
      `debian@${digest}@${digest}`,
      "-debian",
      "a//b",
    ],
    ...[
      "../a",
      "a/../b",
      "host:port/a",
      "http://host/a",
      "debian\n",
      "oci:relative",
      "oci:/a:b:c",
      "dir:/etc",
    ],
    ...["--help", "a".repeat(600), "containers-storage:[overlay@/x]y", "host.example:1/-x"],
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => error instanceof RuntimeError && error.code === "invalid_argument",
      );
    });
  }

  it("pins to a digest, and keeps the tag for people", () => {
    assert.equal(pinnedText(parseReference("debian:12"), digest), `docker.io/library/debian:12@${digest}`);
  });
});

describe("isPrivateRegistry", () => {
  const privates = [
    "localhost",
    "localhost:5000",
    "x.localhost",
    "127.0.0.1:5000",
    "127.1",
    "10.1.2.3",
    "192.168.0.1:443",
  ];
  for (const host of [
    ...privates,
    "169.254.169.254",
    "0x7f000001",
    "2130706433:80",
    "0.0.0.0",
    "1.2.3.0x4",
  ]) {
    it(`keeps from ${host}`, () => assert.equal(isPrivateRegistry(host), true));
  }
  for (const host of ["docker.io", "registry.example:5000", "8.8.8.8", "127.example", "10.0.0.1.example"]) {
    it(`lets through ${host}`, () => assert.equal(isPrivateRegistry(host), false));
  }
});
