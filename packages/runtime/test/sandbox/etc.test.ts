import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NAT_RESOLV, prepareEtc } from "../../src/sandbox/etc.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";

describe("prepareEtc", () => {
  it("copies what is public, writes what is ours, and leaves the rest", () => {
    const base = makeDirectory();
    try {
      const host = join(base, "host");
      mkdirSync(join(host, "ssl/certs"), { recursive: true });
      mkdirSync(join(host, "ssl/private"));
      mkdirSync(join(host, "alternatives"));
      writeFileSync(join(host, "ssl/private/key"), "secret");
      writeFileSync(join(host, "ssl/certs/ca.crt"), "certificate", { mode: 0o600 });
      symlinkSync("/usr/bin/vim", join(host, "alternatives/editor"));
      symlinkSync("/usr/share/man/vim.1.gz", join(host, "alternatives/editor.1.gz"));
      writeFileSync(join(host, "shadow"), "secret");
      mkdirSync(join(host, "java-17-openjdk/security"), { recursive: true });
      mkdirSync(join(host, "java-17-openjdk/management"));
      writeFileSync(join(host, "java-17-openjdk/security/java.security"), "providers");
      writeFileSync(join(host, "java-17-openjdk/management/jmxremote.password"), "secret");
      writeFileSync(join(host, "passwd"), "root:x:0:0::/root:/bin/sh\n");
      const etc = join(base, "out/etc");
      mkdirSync(join(base, "out"));
      prepareEtc(etc, NAT_RESOLV, host);
      const read = (name: string): string => readFileSync(join(etc, name), "utf8");
      assert.equal(read("ssl/certs/ca.crt"), "certificate");
      assert.equal(lstatSync(join(etc, "ssl/certs/ca.crt")).mode & 0o777, 0o644);
      assert.equal(readlinkSync(join(etc, "alternatives/editor")), "/usr/bin/vim");
      assert.match(read("passwd"), /^chaser:x:1000:1000:/);
      assert.ok(!read("passwd").includes("root"));
      assert.equal(read("java-17-openjdk/security/java.security"), "providers");
      for (const name of [
        "shadow",
        "ssl/private",
        "alternatives/editor.1.gz",
        "java-17-openjdk/management",
      ]) {
        assert.equal(lstatSync(join(etc, name), { throwIfNoEntry: false }), undefined, name);
      }

      writeFileSync(join(etc, "mark"), "");
      prepareEtc(etc, NAT_RESOLV, host);
      assert.ok(lstatSync(join(etc, "mark"), { throwIfNoEntry: false }), "an unchanged copy is kept");
      utimesSync(join(host, "ssl/certs"), 1, 1);
      prepareEtc(etc, NAT_RESOLV, host);
      assert.equal(
        lstatSync(join(etc, "mark"), { throwIfNoEntry: false }),
        undefined,
        "a changed source is copied anew",
      );
    } finally {
      removeDirectory(base);
    }
  });
});
