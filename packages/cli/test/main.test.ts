import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { cliFile, outcomeOf, prepareCli } from "./spawned-cli.js";

describe("the chaser program", () => {
  const cli = prepareCli();
  // A port that nothing listens on: the reserved one.
  cli.env["CHASER_API_URL"] = "http://127.0.0.1:1";
  after(() => cli.remove());

  it("can be started by its name", () => {
    assert.match(readFileSync(cliFile, "utf8"), /^#!\/usr\/bin\/env node\n/);
  });

  it("prints its version and help on stdout, with exit code 0", async () => {
    assert.match((await cli.run("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
    for (const args of [["--help"], ["help", "exec"], ["workspaces", "snapshots", "restore", "--help"]]) {
      const { code, stdout, stderr } = await cli.run(...args);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, /Usage: chaser/);
    }
  });

  it("answers wrong usage with one line, a hint and exit code 2", async () => {
    const wrong = [
      ["workspces", "list"],
      ["workspaces", "show"],
      ["workspaces", "show", "a", "b"],
      ["workspaces", "show", ""],
      ["workspaces", "list", "--nonsense"],
      ["exec", "w"],
      ["exec", "w", "ls"],
      ["exec", "w", "--timeout", "soon", "--", "ls"],
      ["serve", "--network", "all"],
      ["store", "snapshots"],
      ["sessions", "stop"],
      ["workspaces", "label"],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await cli.run(...args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(stdout, "", args.join(" "));
      assert.match(stderr, /^error: [^\n]+[^.\n]\n(hint: [^\n]+\n)?$/, args.join(" "));
    }
    assert.match(
      (await cli.run("serve", "--network", "all")).stderr,
      /'all' is invalid: allowed choices are none, nat, host$/m,
    );
    assert.match((await cli.run("workspces")).stderr, /hint: did you mean workspaces\?/);
    assert.equal((await cli.run("workspaces")).code, 2);
  });

  it("says with exit code 6 that there is no server, and how to start one", async () => {
    const { code, stdout, stderr } = await cli.run("workspaces", "list");
    assert.deepEqual([code, stdout], [6, ""]);
    assert.match(stderr, /^error: no server answers at http:\/\/127\.0\.0\.1:1\nhint: .*chaser serve/);
  });

  it("prints errors as one JSON document with --json, wrong usage included", async () => {
    for (const [args, code] of [
      [["workspaces", "list", "--json"], "no_server"],
      [["--json", "workspaces", "list"], "no_server"],
      [["--json"], "usage"],
      [["store", "--json"], "usage"],
      [["workspaces", "snapshots", "--json"], "usage"],
      [["workspaces", "show", "--json"], "usage"],
      [["exec", "--json"], "usage"],
    ] as const) {
      const { stdout, stderr } = await cli.run(...args);
      assert.equal(stdout, "");
      const document = JSON.parse(stderr) as { error: { code: string; message: string } };
      assert.equal(document.error.code, code);
      assert.notEqual(document.error.message, "");
    }
  });

  it("ends quietly when nobody reads its output any more", async () => {
    const child = spawn(
      "/bin/sh",
      ["-c", `"$0" "$1" --help | head -c 1; "$0" "$1" completion bash | true`, process.execPath, cliFile],
      {
        env: cli.env,
      },
    );
    const { stderr, code } = await outcomeOf(child);
    assert.deepEqual([stderr, code], ["", 0]);
  });

  it("says when its output could not be written, and does not end as if it were", async () => {
    for (const [args, shows] of [
      [["--help"], /^error: the output could not be written: ENOSPC[^\n]*\n$/],
      [
        ["completion", "bash", "--json"],
        /^\{"error":\{"code":"failed","message":"the output [^\n]*ENOSPC[^\n]*\n$/,
      ],
    ] as const) {
      const full = ["-c", 'exec "$@" > /dev/full', "sh", process.execPath, cliFile, ...args];
      const { stderr, code } = await outcomeOf(spawn("/bin/sh", full, { env: cli.env }));
      assert.match(stderr, shows);
      assert.equal(code, 5);
    }
  });

  it("completes words without a server, and says nothing when it cannot", async () => {
    const { code, stdout, stderr } = await cli.run("__complete", "--", "exec", "--ep");
    assert.deepEqual([code, stdout, stderr], [0, "--ephemeral\n", ""]);
    assert.deepEqual((await cli.run("__complete", "--", "exec", "")).stdout, "");
  });
});
