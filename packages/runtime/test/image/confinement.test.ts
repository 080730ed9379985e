import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { confinementArguments, hasSystemCapability } from "../../src/image/confinement.js";
import { makeDirectory, removeDirectory } from "../support/fixture.js";

describe("what fetches an image", () => {
  const run = (t: TestContext, isPrivileged: boolean, script: string): string => {
    const directory = makeDirectory();
    t.after(() => removeDirectory(directory));
    const work = join(directory, "work");
    mkdirSync(work);
    writeFileSync(join(directory, "secret"), "readable\n", { mode: 0o600 });
    const confinement = confinementArguments({
      directory: work,
      uid: process.geteuid?.() ?? 0,
      isPrivileged,
    });
    const { stdout, stderr, status } = spawnSync(
      "bwrap",
      [...confinement, "--", "/bin/sh", "-c", script, "-", work, directory],
      {
        encoding: "utf8",
      },
    );
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const capable = hasSystemCapability(readFileSync("/proc/self/status", "latin1"));
  for (const isPrivileged of capable ? [true, false] : [false]) {
    it(`${isPrivileged ? "with" : "without"} privilege has a place to write to, a loopback and nobody else`, (t) => {
      const script = `id -u; echo in > "$1/file" && cat "$1/file" "$2/secret"
        for place in / /tmp /var/tmp "$2" "$HOME"; do [ -w "$place" ] && echo "may write to $place"; done
        grep -c : /proc/net/dev; grep CapEff /proc/self/status | tail -c 5; readlink /proc/self/ns/pid /proc/self/ns/ipc`;
      const capabilities = process.geteuid?.() === 0 ? "0402" : "0400";
      const [own = "", namespaces = ""] = run(t, isPrivileged, script).split(/(?=pid:)/);
      assert.equal(own, `${String(process.geteuid?.())}\nin\nreadable\n1\n${capabilities}\n`);
      for (const name of ["pid", "ipc"])
        assert.ok(!namespaces.includes(readlinkSync(`/proc/self/ns/${name}`)), name);
    });
  }

  it("is privileged with CAP_SYS_ADMIN alone", () => {
    for (const [mask, expected] of [
      ["0000000000000000", false],
      ["0000000000200000", true],
      ["000001ffffdfffff", false],
      ["000001ffffffffff", true],
    ] as const)
      assert.equal(hasSystemCapability(`CapPrm:\t000001ffffffffff\nCapEff:\t${mask}\n`), expected);
  });
});
